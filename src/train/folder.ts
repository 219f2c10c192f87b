/** Folders that a killed process or machine leaves whole: written aside, flushed, renamed. */
import { open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Gives a complete folder its name. `from` must not be used any more; `to` must not exist. */
export async function publishFolder(from: string, to: string): Promise<void> {
  await flushTree(from);
  await rename(from, to);
  await flush(dirname(to));
}

/** Removes entries of `folder` that `doomed` picks by name; one that is already gone is fine. */
export async function removeEntries(folder: string, doomed: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(folder)) {
    if (doomed(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    await (entry.isDirectory() ? flushTree(path) : flush(path));
  }
  await flush(folder);
}

/** Waits until a file's or a folder's content is on the disk. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    // Folders cannot be flushed on every system (Windows answers EPERM); the rename is still atomic there.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") throw error;
  } finally {
    await handle.close();
  }
}
