/** Folders that are written under a temporary name, flushed and renamed, so that a crash never leaves a partial one. */
import { appendFile, mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writing } from "./write-error.js";

/**
 * Gives a complete folder its name. `from` must not be used any more; `to` must not exist.
 * @throws RocError FILE_UNWRITABLE
 */
export async function publishFolder(from: string, to: string): Promise<void> {
  await writing(to, async () => {
    await flushTree(from);
    await rename(from, to);
    await flush(dirname(to));
  });
}

/** Removes the entries of `folder` whose names `doomed` accepts; one that does not exist is ignored. @throws as {@link remove} */
export async function removeEntries(folder: string, doomed: (name: string) => boolean): Promise<void> {
  for (const name of await writing(folder, () => readdir(folder))) if (doomed(name)) await remove(join(folder, name));
}

/** Removes a file, or a folder with its content; one that does not exist is ignored. @throws RocError FILE_UNWRITABLE */
export async function remove(path: string): Promise<void> {
  await writing(path, () => rm(path, { recursive: true, force: true }));
}

/** Renames a file or folder. @throws RocError FILE_UNWRITABLE naming the new path */
export async function move(from: string, to: string): Promise<void> {
  await writing(to, () => rename(from, to));
}

/** Appends to a file, which is created if needed. @throws RocError FILE_UNWRITABLE */
export async function append(file: string, data: string | Uint8Array): Promise<void> {
  await writing(file, () => appendFile(file, data));
}

async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? flushTree(path) : flush(path));
  }
  await flush(folder);
}

/**
 * Creates a folder and its missing parents. Node's recursive `mkdir` never returns where a file system answers "no such
 * file" for a folder whose parent exists (`/proc`).
 *
 * @throws RocError FILE_UNWRITABLE naming the folder
 */
export async function makeFolder(path: string): Promise<void> {
  await writing(path, () => make(path));
}

async function make(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    const above = dirname(path);
    if (code !== "ENOENT" || above === path) throw error;
    await make(above);
    await mkdir(path).catch((again: unknown) => {
      // Another process may have created it in the meantime.
      if ((again as NodeJS.ErrnoException).code !== "EEXIST") throw again;
    });
  }
}

/** Calls `body` with an open file and closes it afterwards. */
export async function opened(path: string, flags: string, body: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, flags);
  try {
    await body(handle);
  } finally {
    await handle.close();
  }
}

/** Error codes of systems that cannot flush folders; a rename is atomic there too. */
const NOT_FLUSHED = new Set(["EPERM", "EINVAL", "ENOTSUP"]);

/** Waits until the content of a file or folder is on the disk. */
export async function flush(path: string): Promise<void> {
  await opened(path, "r", (handle) =>
    handle.sync().catch((error: unknown) => {
      if (!NOT_FLUSHED.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }),
  );
}
