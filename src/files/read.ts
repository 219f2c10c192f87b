/** Reading of untrusted files: regular files only, of bounded size, with errors that name the file. */
import { constants, type Stats } from "node:fs";
import { access, open, type FileHandle } from "node:fs/promises";
import { isRocError, messageOf, RocError } from "../errors.js";
import { refuseDatabase } from "./databases.js";
import { decodeText, type DecodeOptions } from "./encoding.js";
import { POINTER_BYTES, refusePointer } from "./pointer.js";

export interface ReadOptions {
  /** What to do where the file cannot be read: a sentence. */
  readonly remedy?: string | undefined;
  /** Maximum size in bytes. */
  readonly maxBytes?: number | undefined;
}

const REMEDY = "Check the path and its permissions, or fetch the file again.";

/**
 * Calls `work` with a regular file opened for reading and closes it afterwards.
 *
 * Opens without blocking: opening a pipe would wait for a writer, and a device may never end.
 *
 * @param work its second argument is the file's size in bytes
 * @throws RocError FILE_NOT_FOUND; FILE_UNREADABLE where it is a folder, a pipe or a device, a pointer of Git LFS, is
 *   larger than `maxBytes` or cannot be read
 */
export async function withFile<T>(
  file: string,
  work: (handle: FileHandle, size: number) => Promise<T>,
  options: ReadOptions = {},
): Promise<T> {
  try {
    const handle = await openAtOnce(file);
    try {
      return await work(handle, await checkedSize(handle, file, options));
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw isRocError(cause) ? cause : readError(file, cause, options.remedy);
  }
}

/** Whatever a path leads to, opened for reading without waiting for a pipe's writer; no database that is open. */
export async function openAtOnce(path: string | Buffer): Promise<FileHandle> {
  await refuseDatabase(path);
  return open(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

/**
 * A regular file, opened for reading without waiting for a pipe's writer.
 *
 * @param path bytes for a name that is not UTF-8
 * @throws the file system's error; an Error that says what it is instead of a file
 */
export async function openRegular(path: string | Buffer): Promise<FileHandle> {
  const handle = await openAtOnce(path);
  try {
    requireRegular(await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** @throws an Error that says what it is instead of a file */
export function requireRegular(found: Stats): void {
  if (found.isDirectory()) throw new Error("it is a folder");
  if (!found.isFile()) throw new Error("it is a pipe or a device, not a file");
}

async function checkedSize(handle: FileHandle, file: string, { maxBytes = Infinity }: ReadOptions): Promise<number> {
  const found = await handle.stat();
  requireRegular(found);
  if (found.size > maxBytes) throw new Error(`it has ${found.size} bytes, ${maxBytes} are allowed`);
  if (found.size < POINTER_BYTES) refusePointer(await startOf(handle), file);
  return found.size;
}

const CHUNK = 1 << 20;

/** The bytes of a file that may be larger than memory, in chunks of 1 MiB. @throws as {@link withFile} */
export async function* readChunks(file: string, options: ReadOptions = {}): AsyncGenerator<Uint8Array, void, void> {
  try {
    const handle = await openAtOnce(file);
    try {
      const size = await checkedSize(handle, file, options);
      for (let position = 0; ;) {
        // One byte more than is left, so that a file's end is seen by the read that reaches it: small ones are many.
        const length = position < size ? Math.min(CHUNK, size - position + 1) : CHUNK;
        const { buffer, bytesRead } = await handle.read(new Uint8Array(length), 0, length, position);
        if (bytesRead === 0) return;
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
        if (bytesRead < length && position >= size) return;
      }
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw isRocError(cause) ? cause : readError(file, cause, options.remedy);
  }
}

/** The bytes of a file. @throws as {@link withFile} */
export async function readBytes(file: string, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>> {
  return withFile(file, async (handle) => new Uint8Array(await handle.readFile()), options);
}

/** The first bytes of a file; the read position does not change. */
async function startOf(handle: FileHandle): Promise<Uint8Array> {
  const { buffer, bytesRead } = await handle.read(new Uint8Array(POINTER_BYTES), 0, POINTER_BYTES, 0);
  return buffer.subarray(0, bytesRead);
}

/**
 * The text of a file, without a byte order mark.
 *
 * @throws as {@link withFile}; FILE_UNREADABLE naming the line where it is not UTF-8, see {@link decodeText}
 */
export async function readText(file: string, options: ReadOptions & DecodeOptions = {}): Promise<string> {
  return decodeText(await readBytes(file, options), file, options);
}

/** The result of `reading`, or undefined where the file does not exist. */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isRocError(error) && error.code === "FILE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Whether a file or folder exists. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whether an error of the file system means that the file does not exist. */
export function isMissing(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** A failed read as a RocError. @param remedy a sentence */
export function readError(file: string, cause: unknown, remedy = REMEDY): RocError {
  if (isMissing(cause)) return new RocError("FILE_NOT_FOUND", `${file} does not exist. ${remedy}`, { cause });
  return new RocError("FILE_UNREADABLE", `${file} cannot be read: ${messageOf(cause)}. ${remedy}`, { cause });
}
