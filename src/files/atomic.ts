/** Atomic writes: a file is written to a temporary name beside its target, flushed and renamed. */
import { rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RocError } from "../errors.js";
import { asideOf } from "./aside.js";
import { flush, makeFolder, opened } from "./folders.js";
import { writeError } from "./write-error.js";

export interface WriteOptions {
  /** Wait until the content is on the disk; otherwise a power failure may leave a partial file. Default true. */
  readonly flushed?: boolean;
}

/**
 * Replaces `file` with what `write` puts into the handle. Readers see the old content or the new one, never a part, even
 * after a power failure. The folder is created.
 *
 * @throws RocError FILE_UNWRITABLE (permissions, a full disk); the old file is then unchanged
 */
export async function replaceFile(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
  { flushed = true }: WriteOptions = {},
): Promise<void> {
  const aside = asideOf(file);
  try {
    await makeFolder(dirname(file));
    await opened(aside, "wx", async (handle) => {
      await write(handle);
      if (flushed) await handle.sync();
    });
    await rename(aside, file);
    if (flushed) await flush(dirname(file));
  } catch (cause) {
    await rm(aside, { force: true }).catch(() => undefined);
    if (cause instanceof RocError) throw cause;
    throw writeError(file, cause);
  }
}

/** Replaces a file's content atomically, see {@link replaceFile}. */
export async function atomicWriteFile(file: string, data: string | Uint8Array, options?: WriteOptions): Promise<void> {
  await replaceFile(file, (handle) => handle.writeFile(data), options);
}

/** Replaces a file with a value as JSON, indented by two spaces. */
export async function atomicWriteJson(file: string, value: unknown): Promise<void> {
  await atomicWriteFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes files by name into a folder, which is created. @throws RocError FILE_UNWRITABLE */
export async function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) await atomicWriteFile(join(folder, name), content);
}
