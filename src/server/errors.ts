/** What went wrong, as an answer: a status, and `{error: {code, message}}` with a code of the table. No stack trace leaves. */
import type { Socket } from "node:net";
import { basename, dirname, sep } from "node:path";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { beginning, isRocError, RocError, type ErrorCode } from "../errors.js";
import { MODEL_NOT_FOUND } from "./schemas.js";

/** The status that an error's code has where nothing better is known. */
const STATUS: Partial<Readonly<Record<ErrorCode, number>>> = {
  USAGE: 400,
  FILE_NOT_FOUND: 404,
  FILE_EMPTY: 422,
  IMAGE_BROKEN: 422,
  IMAGE_TOO_LARGE: 413,
  IMAGE_UNSUPPORTED: 415,
  ANSWER_UNCLEAR: 422,
  OUT_OF_MEMORY: 503,
  IN_USE: 429,
  NETWORK: 503,
  ABORTED: 503,
};

/** Faults of the disk that photos and the library are on, which a person can mend. */
const DISK: Partial<Readonly<Record<ErrorCode, number>>> = {
  FILE_UNREADABLE: 409,
  FILE_UNWRITABLE: 409,
  DATA_INVALID: 422,
};

/** An answer that a handler gives by throwing. */
export class Refusal extends RocError {
  /**
   * @param status of HTTP
   * @param headers beside the usual ones, as Retry-After
   */
  constructor(
    readonly status: number,
    code: ErrorCode,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message);
  }
}

/** A model is asked for that is not here. OpenAI's clients know it by a code of theirs. */
export class UnknownModel extends Refusal {
  constructor(message: string) {
    super(404, "FILE_NOT_FOUND", message);
  }
}

/** The status of HTTP for an error's code. */
export function statusOf(code: ErrorCode): number {
  return STATUS[code] ?? DISK[code] ?? 500;
}

/** What the command line says, as requests have it. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^--where\b/, "where"],
  [/, or raise the limit \(maxPixels, --max-pixels\) if you trust it/, ""],
  [/, or allow damaged pictures \(allowDamaged; score --allow-damaged\)/, ""],
];

/** A message without the options of a command that a client has not given. */
export function inWords(message: string): string {
  return WORDS.reduce((text, [option, word]) => text.replace(option, word), message);
}

/** A message about a photo or the library for a client, who is told the file's name and no folder. */
export function withoutFolder(message: string, file: string): string {
  const folder = dirname(file);
  const named = message.replaceAll(file, basename(file)).replaceAll(folder.endsWith(sep) ? folder : folder + sep, "");
  // A link may lead to another folder, which the system names.
  return inWords(named.replace(/'(?:[A-Za-z]:)?[\\/][^']*[\\/]([^'\\/]+)'/g, "'$1'"));
}

/** An error about a photo or the library for a client; what is no fault of the disk, as it is. */
export function ofDisk(error: unknown, file: string): unknown {
  if (!isRocError(error) || error instanceof Refusal || statusOf(error.code) === 500) return error;
  const status = error.code === "IN_USE" ? 409 : statusOf(error.code);
  return new Refusal(status, error.code, withoutFolder(error.message, file));
}

/** An error as answers hold it. */
export function errorBody(code: ErrorCode, message: string): { error: { code: ErrorCode; message: string } } {
  return { error: { code, message } };
}

/** What fastify and its plugins throw, as an answer. Their messages name no file of this machine. */
function refusalOf(error: FastifyError): Refusal {
  if (error instanceof Refusal) return error;
  if (isRocError(error)) return new Refusal(STATUS[error.code] ?? 500, error.code, outward(error));
  if (hasZodFastifySchemaValidationErrors(error)) {
    const [issue] = error.validation;
    const at = issue?.instancePath.replace(/^\//, "").replaceAll("/", ".") ?? "";
    const place = [error.validationContext, at].filter((part) => part !== undefined && part !== "").join(".");
    return new Refusal(
      400,
      "USAGE",
      beginning(`${place}: ${issue?.message ?? "not as it should be"}. See /docs.`, 500),
    );
  }
  const status = error.statusCode ?? 500;
  if (error.code === "FST_FILES_LIMIT") return new Refusal(413, "USAGE", "The form has more pictures than a request may have. Send fewer at a time."); // prettier-ignore
  if (status === 413) return new Refusal(413, "IMAGE_TOO_LARGE", "The request is larger than this server takes. Send less at a time."); // prettier-ignore
  if (status >= 400 && status < 500) return new Refusal(status, "USAGE", beginning(error.message, 300));
  return new Refusal(500, "INTERNAL", "The server has a fault. Its log says more.");
}

/** An error's message for a client: those of the model's side may name folders of this machine. */
function outward({ code, message }: RocError): string {
  if (STATUS[code] !== undefined) return inWords(message);
  return "The server has a fault. Its log says more.";
}

/** What a client is told of an error; the log is told what the client is not. */
export function refusalFor(error: FastifyError, request: Leaving, onFault: (error: Error) => void): Refusal {
  const refusal = refusalOf(error);
  if (refusal.status >= 500 && refusal !== error && !isLeaving(error, request)) onFault(error);
  return refusal;
}

/** Answers with an error. */
export function answerError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
  onFault: (error: Error) => void,
): FastifyReply {
  const refusal = refusalFor(error, request, onFault);
  const { message, headers, status } = refusal;
  const isModel = refusal instanceof UnknownModel;
  const code = isModel ? MODEL_NOT_FOUND : refusal.code;
  // Who is refused before its body is read is not waited for.
  if (status === 413 || status === 408) reply.header("connection", "close");
  const isOpenAi = isModel || request.url.startsWith("/v1/chat/");
  const type = isOpenAi && { type: status < 500 ? "invalid_request_error" : "server_error", param: isModel ? "model" : null }; // prettier-ignore
  return reply
    .code(status)
    .headers(headers)
    .send({ error: { code, message, ...type } });
}

/** What the connections and files of a client that has gone give, and the queue. */
const LEAVING: ReadonlySet<string> = new Set(["ABORTED", "ABORT_ERR", "ECONNRESET", "ERR_STREAM_PREMATURE_CLOSE"]);

/** The guard refuses requests before it is known whether their clients go. */
interface Leaving {
  readonly gone?: AbortSignal;
}

/** Whether an error is only that its client has gone. */
export function isLeaving({ code }: FastifyError, { gone }: Leaving): boolean {
  return gone?.aborted === true && LEAVING.has(code);
}

/** What is no request, or comes too slowly, as Node's parser calls it. */
const GARBAGE: Readonly<Record<string, readonly [status: string, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "The request took too long to arrive."],
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", "The headers are too long."],
};

/** Answers what is no request of HTTP, and closes. */
export function answerGarbage({ code = "" }: { readonly code?: string }, socket: Socket): void {
  if (code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const [status, message] = GARBAGE[code] ?? ["400 Bad Request", "This is no request of HTTP."];
  endRaw(socket, status, "USAGE", message);
}

/** Answers where there is no request that could be, and closes. */
export function endRaw(socket: Socket, status: string, code: ErrorCode, message: string): void {
  const body = JSON.stringify(errorBody(code, message));
  const head = [`HTTP/1.1 ${status}`, `Content-Length: ${Buffer.byteLength(body)}`, "Content-Type: application/json", "Connection: close"]; // prettier-ignore
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}
