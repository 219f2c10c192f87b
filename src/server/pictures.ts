/** The pictures of a request: files of a form, or texts in JSON. No path and no URL of a client reaches the file system or the network. */
import type { MultipartFile } from "@fastify/multipart";
import type { FastifyRequest } from "fastify";
import type { NamedImage, ScoreFailure } from "../engine/index.js";
import { beginning, isRocError, messageOf, RocError } from "../errors.js";
import { Refusal, statusOf } from "./errors.js";
import { decodeBase64 } from "./base64.js";
import type { ServerLimits } from "./options.js";
import { picturesSchema, type PictureText } from "./schemas.js";

/** Looks a picture of the library up by its id. @throws RocError FILE_NOT_FOUND */
export type LibraryPicture = (id: number) => Promise<NamedImage>;

/** What an id of the library looks like. */
export const LIBRARY_ID = /^[1-9]\d{0,14}$/;
/** Names in results are for people: a file may be called anything. */
const LONGEST_NAME = 255;

/** The pictures of a request with a form or with JSON. @throws Refusal */
export async function picturesOf(
  request: FastifyRequest,
  limits: ServerLimits,
  fromLibrary: LibraryPicture | undefined,
): Promise<(NamedImage | ScoreFailure)[]> {
  if (request.isMultipart()) {
    return picturesOfForm(request, limits).catch((error: unknown) => {
      throw formError(error);
    });
  }
  const parsed = picturesSchema.safeParse(request.body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = ["body", ...(issue?.path ?? [])].join(".");
    throw new Refusal(
      400,
      "USAGE",
      `${place}: ${issue?.message}. Send a form with fields "file", or {"images": [...]}.`,
    );
  }
  const { images } = parsed.data;
  checkCount(images.length, limits);
  request.visit?.expect(images.length);
  return Promise.all(
    images.map((text, index) =>
      pictureOf(text, index + 1, limits, fromLibrary).catch((error: unknown) => failureOf(text, error)),
    ),
  );
}

/** An id that leads to no picture costs the others nothing. @throws what is wrong with the request itself */
function failureOf(text: PictureText, error: unknown): ScoreFailure {
  if (typeof text !== "string" || !LIBRARY_ID.test(text) || !isRocError(error)) throw error;
  if (statusOf(error.code) >= 500 || error.code === "IN_USE") throw error;
  return { file: text, error: { code: error.code, message: error.message } };
}

async function picturesOfForm(request: FastifyRequest, limits: ServerLimits): Promise<NamedImage[]> {
  const pictures: NamedImage[] = [];
  let bytes = 0;
  for await (const part of request.parts()) {
    if (part.type !== "file") throw new Refusal(400, "USAGE", `The form has a field ${quoted(part.fieldname)}; send pictures as files in fields "file".`); // prettier-ignore
    if (part.fieldname !== "file") {
      part.file.resume();
      throw new Refusal(400, "USAGE", `The form has a file in the field ${quoted(part.fieldname)}; call it "file".`);
    }
    const picture = await fileOf(part, pictures.length + 1);
    bytes += picture.data.byteLength;
    if (bytes > limits.bodyBytes) throw tooLarge(limits);
    pictures.push(picture);
    request.visit?.expect(pictures.length);
  }
  if (pictures.length === 0) throw new Refusal(400, "USAGE", 'The form has no file; send pictures in fields "file".');
  return pictures;
}

async function fileOf(part: MultipartFile, position: number): Promise<{ name: string; data: Buffer }> {
  const data = await part.toBuffer();
  return { name: printableName(part.filename) || `input ${position}`, data };
}

/** What is wrong with a form where its parser says it without a status. */
function formError(error: unknown): unknown {
  const isKnown = isRocError(error) || (error instanceof Error && "statusCode" in error);
  return isKnown ? error : new Refusal(400, "USAGE", `The form cannot be read: ${beginning(messageOf(error), 200)}.`);
}

/** A client's name for a file: nothing but a label. */
function printableName(name: string | undefined): string {
  const text = (name ?? "").replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "");
  return (text.split(/[\\/]/).at(-1) ?? "").slice(0, LONGEST_NAME).trim();
}

/** A picture out of JSON. @throws Refusal 400, 404, 413 */
export async function pictureOf(
  text: PictureText,
  position: number,
  limits: ServerLimits,
  fromLibrary?: LibraryPicture,
): Promise<NamedImage> {
  const name = `input ${position}`;
  if (text instanceof Uint8Array) return { name, data: checkSize(text, name, limits) };
  if (LIBRARY_ID.test(text)) {
    if (!fromLibrary)
      throw new Refusal(404, "FILE_NOT_FOUND", `${name}: there is no library here, so no picture ${text}.`);
    return fromLibrary(Number(text));
  }
  const data = decodeBase64(text);
  if (data) return { name, data: checkSize(data, name, limits) };
  const what = JSON.stringify(beginning(text, 40));
  throw new Refusal(400, "USAGE", `${name}: ${what} is neither base64 nor a data: URI with it nor an id of the library. URLs and paths are not fetched here.`); // prettier-ignore
}

function checkSize<Bytes extends Uint8Array>(bytes: Bytes, name: string, limits: ServerLimits): Bytes {
  if (bytes.byteLength <= limits.pictureBytes) return bytes;
  throw new Refusal(
    413,
    "IMAGE_TOO_LARGE",
    `${name}: the file has more than ${limits.pictureBytes} bytes; save it smaller.`,
  );
}

function checkCount(count: number, limits: ServerLimits): void {
  if (count <= limits.pictures) return;
  throw new Refusal(413, "USAGE", `${count} pictures are more than the ${limits.pictures} that a request may have.`);
}

function tooLarge({ bodyBytes }: ServerLimits): RocError {
  return new Refusal(
    413,
    "IMAGE_TOO_LARGE",
    `The request has more than ${bodyBytes} bytes. Send fewer pictures at a time.`,
  );
}

function quoted(name: string): string {
  return JSON.stringify(beginning(name, 40));
}
