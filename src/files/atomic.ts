/** Files that are whole at any moment: written beside their place, flushed, renamed. */
import { randomUUID } from "node:crypto";
import { rename, rm, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RocError } from "../errors.js";
import { flush, makeFolder, opened } from "./folders.js";
import { writeError } from "./write-error.js";

export interface WriteOptions {
  /** Whether to wait until the content is on the disk; else a machine that loses power may leave a part. Default true. */
  readonly flushed?: boolean;
}

/**
 * Replaces `file` by what `write` puts into the handle: a reader, or a machine that loses power, sees the old content or
 * the new one, never a part. Its folder is created.
 *
 * @throws RocError FILE_UNWRITABLE (rights, a full disk); the old file is then untouched
 */
export async function replaceFile(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
  { flushed = true }: WriteOptions = {},
): Promise<void> {
  const aside = `${file}.${randomUUID()}.tmp`;
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

/** Replaces a file's content at once, see {@link replaceFile}. */
export async function atomicWriteFile(file: string, data: string | Uint8Array, options?: WriteOptions): Promise<void> {
  await replaceFile(file, (handle) => handle.writeFile(data), options);
}

/** Replaces a file by a value as JSON, with two spaces. */
export async function atomicWriteJson(file: string, value: unknown): Promise<void> {
  await atomicWriteFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes files by name into a folder, which is created. @throws RocError FILE_UNWRITABLE */
export async function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) await atomicWriteFile(join(folder, name), content);
}
