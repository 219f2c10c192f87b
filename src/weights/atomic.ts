/** Files that are whole at any moment: written beside their place, flushed, renamed. */
import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, RocError } from "../errors.js";

/**
 * Replaces `file` by what `write` puts into the handle: a reader, or a machine that loses power, sees the old content or
 * the new one, never a part. Its folder is created.
 *
 * @throws RocError FILE_UNREADABLE where it cannot be written (rights, a full disk); the old file is then untouched
 */
export async function replaceFile(file: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const aside = `${file}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(file), { recursive: true });
    await opened(aside, "wx", async (handle) => {
      await write(handle);
      await handle.sync();
    });
    await rename(aside, file);
    await opened(dirname(file), "r", flushFolder);
  } catch (cause) {
    await rm(aside, { force: true }).catch(() => undefined);
    if (cause instanceof RocError) throw cause;
    const message = `${file} cannot be written: ${messageOf(cause)}. Check the folder's rights and the free space.`;
    throw new RocError("FILE_UNREADABLE", message, { cause });
  }
}

/** Replaces a file's content at once, see {@link replaceFile}. */
export async function atomicWriteFile(file: string, data: string | Uint8Array): Promise<void> {
  await replaceFile(file, (handle) => handle.writeFile(data));
}

/** Replaces a file by a value as JSON, with two spaces. */
export async function atomicWriteJson(file: string, value: unknown): Promise<void> {
  await atomicWriteFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

async function opened(path: string, flags: string, body: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, flags);
  try {
    await body(handle);
  } finally {
    await handle.close();
  }
}

async function flushFolder(handle: FileHandle): Promise<void> {
  // Not every file system flushes folders; the rename has replaced the file all the same.
  await handle.sync().catch(() => undefined);
}
