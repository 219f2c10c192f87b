/** A picture's bytes from a path, a pipe or a stream. What is no picture is refused by its first bytes. */
import { constants, openSync } from "node:fs";
import { stat, type FileHandle } from "node:fs/promises";
import { Socket } from "node:net";
import { addAbortSignal, Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, RocError } from "../errors.js";
import { openRegular, refusePointer } from "../files/index.js";
import type { Lease } from "./budget.js";
import { pathOfName } from "./file-names.js";
import { SNIFF_BYTES, sniffFormat, type ImageFormat, type Unsupported } from "./sniff.js";

/**
 * A picture's file: a path, its bytes, or a stream of them (Node's or the web's), which is read once and to its end.
 *
 * @category Scoring
 */
export type ImageInput = string | Uint8Array | Readable | ReadableStream<Uint8Array>;

/** Larger files are refused: 268 million pixels of 16 bits, uncompressed, are 1.6 GB. */
const MAX_BYTES = 2 ** 31 - 1;
/** What is read in one go, so that a signal is noticed. */
const CHUNK = 2 ** 24;
/** How long nothing may come through a pipe, and how long nobody may write to it. */
const PIPE_MS = 30_000;
const WRITER_MS = 10_000;
/** How often that is looked for. */
const PIPE_POLL_MS = 100;

export interface Source {
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  /** Holds the bytes that are read. */
  readonly lease: Lease;
  /** Whether a path may be a named pipe's, whose writer is waited for; default true. */
  readonly pipes?: boolean;
}

export interface PictureFile {
  readonly bytes: Uint8Array;
  readonly format: ImageFormat;
}

/** @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_EMPTY, IMAGE_UNSUPPORTED, IMAGE_TOO_LARGE */
export async function readFile(input: ImageInput, source: Source): Promise<PictureFile> {
  try {
    if (input instanceof Uint8Array) return { bytes: input, format: checkFormat(input, source.name) };
    return await (typeof input === "string" ? readPath(pathOfName(input), source) : collect(input, source));
  } catch (error) {
    throw error instanceof RocError ? error : readError(error, source.name);
  }
}

async function readPath(path: string | Buffer, source: Source): Promise<PictureFile> {
  const stats = await stat(path);
  if (stats.isFIFO() && source.pipes !== false) return readPipe(path, source);
  if (stats.isDirectory()) throw unreadable(source.name, "it is a folder; name an image file");
  if (!stats.isFile())
    throw unreadable(source.name, `it is a ${stats.isFIFO() ? "pipe" : "device or a socket"}; name an image file`);
  await using file = await openRegular(path);
  return await readRegular(file, stats.size, source);
}

async function readRegular(file: FileHandle, size: number, { name, signal, lease }: Source): Promise<PictureFile> {
  const head = Buffer.alloc(SNIFF_BYTES);
  const { bytesRead } = await file.read(head, 0, SNIFF_BYTES, 0);
  const format = checkFormat(head.subarray(0, bytesRead), name);
  checkLength(size, name);
  await lease.take(size, signal);
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  while (at < size) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(bytes, at, Math.min(CHUNK, size - at), at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return { bytes: bytes.subarray(0, at), format };
}

/** A named pipe, or `<(command)`. It may have no writer yet, or one that never writes: it is not waited for for ever. */
async function readPipe(path: string | Buffer, source: Source): Promise<PictureFile> {
  const { name, signal } = source;
  const patience = AbortSignal.timeout(WRITER_MS);
  for (;;) {
    signal?.throwIfAborted();
    if (patience.aborted) throw unreadable(name, `it is a pipe, and nobody wrote to it for ${WRITER_MS / 1000} s`);
    // Without waiting for a writer, which no signal could end.
    const pipe = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false });
    pipe.setTimeout(PIPE_MS, () => pipe.destroy(unreadable(name, `the pipe gave nothing for ${PIPE_MS / 1000} s`)));
    try {
      return await collect(pipe, source);
    } catch (error) {
      if (!(error instanceof RocError) || error.code !== "FILE_EMPTY") throw error;
      await sleep(PIPE_POLL_MS, undefined, signal ? { signal } : {});
    } finally {
      pipe.destroy();
    }
  }
}

async function collect(input: Readable | ReadableStream<Uint8Array>, source: Source): Promise<PictureFile> {
  const { name, signal, lease } = source;
  const stream = input instanceof Readable ? input : Readable.fromWeb(input);
  if (signal) addAbortSignal(signal, stream);
  const chunks: Uint8Array[] = [];
  let [length, known] = [0, false];
  for await (const chunk of stream as AsyncIterable<unknown>) {
    if (!(chunk instanceof Uint8Array)) throw new Error(`the stream gave a ${typeof chunk}, not bytes`);
    chunks.push(chunk);
    length += chunk.length;
    checkLength(length, name);
    if (!known && length >= SNIFF_BYTES) known = checkFormat(Buffer.concat(chunks), name) !== undefined;
  }
  await lease.take(length, signal);
  const bytes = Buffer.concat(chunks);
  return { bytes, format: checkFormat(bytes, name) };
}

function checkLength(length: number, name: string): void {
  if (length <= MAX_BYTES) return;
  const size = `over ${Math.floor(MAX_BYTES / 1e6)} MB`;
  throw new RocError("IMAGE_TOO_LARGE", `${name}: the file has ${size}; save it smaller, or compressed`);
}

function checkFormat(bytes: Uint8Array, name: string): ImageFormat {
  if (bytes.length === 0) throw new RocError("FILE_EMPTY", `${name}: empty (0 bytes); copy it again from its source`);
  refusePointer(bytes, name);
  const format = sniffFormat(bytes);
  if (typeof format === "string") return format;
  throw unsupportedPicture(format, name);
}

export function unsupportedPicture({ kind, remedy }: Unsupported, name: string): RocError {
  return new RocError(
    "IMAGE_UNSUPPORTED",
    `${name}: ${kind ? `this is ${kind}` : "in no image format known here"}; ${remedy}`,
  );
}

function unreadable(name: string, why: string, cause?: unknown): RocError {
  return new RocError("FILE_UNREADABLE", `${name}: cannot be read: ${why}`, { cause });
}

function readError(error: unknown, name: string): RocError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") {
    const isUrl = /^[a-z]+:\/\//i.test(name);
    const remedy = isUrl ? "a URL is not fetched here; download the picture first" : "check the path";
    return new RocError("FILE_NOT_FOUND", `${name}: there is no such file; ${remedy}`, { cause: error });
  }
  return unreadable(name, `${messageOf(error)}; check its permissions`, error);
}
