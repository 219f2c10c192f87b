/** Folders that a killed process or machine leaves whole: written aside, flushed, renamed. */
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

/** Removes entries of `folder` that `doomed` picks by name; one that is already gone is fine. @throws as {@link remove} */
export async function removeEntries(folder: string, doomed: (name: string) => boolean): Promise<void> {
  for (const name of await writing(folder, () => readdir(folder))) if (doomed(name)) await remove(join(folder, name));
}

/** Removes a file, or a folder with all that is in it; one that is already gone is fine. @throws RocError FILE_UNWRITABLE */
export async function remove(path: string): Promise<void> {
  await writing(path, () => rm(path, { recursive: true, force: true }));
}

/** Renames a file or folder. @throws RocError FILE_UNWRITABLE naming the new path */
export async function move(from: string, to: string): Promise<void> {
  await writing(to, () => rename(from, to));
}

/** Adds to the end of a file, which is created. @throws RocError FILE_UNWRITABLE */
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
 * Makes a folder and those above it that are missing. Node's own recursive `mkdir` never returns where a file system
 * answers "no such file" to a folder whose parent exists (`/proc`).
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
      // Another process may have made it meanwhile.
      if ((again as NodeJS.ErrnoException).code !== "EEXIST") throw again;
    });
  }
}

/** Calls `body` with an opened file, which is closed behind it. */
export async function opened(path: string, flags: string, body: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, flags);
  try {
    await body(handle);
  } finally {
    await handle.close();
  }
}

/** What systems answer that do not flush folders; a rename is atomic there all the same. */
const NOT_FLUSHED = new Set(["EPERM", "EINVAL", "ENOTSUP"]);

/** Waits until what a file or a folder holds is on the disk. */
export async function flush(path: string): Promise<void> {
  await opened(path, "r", (handle) =>
    handle.sync().catch((error: unknown) => {
      if (!NOT_FLUSHED.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }),
  );
}
