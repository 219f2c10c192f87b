/** Whole folders that are written where a user says: complete or not there at all. */
import { readdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { RocError } from "../errors.js";
import { asideOf, isAsideOf, lockBeside } from "./aside.js";
import { makeFolder, publishFolder, remove, removeEntries } from "./folders.js";
import { takeLock } from "./lock.js";
import { isMissing } from "./read.js";

/** @throws RocError USAGE where the folder holds something */
export async function refuseFilled(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  if (names.length > 0) throw new RocError("USAGE", `${folder} is not empty; give another folder as --out.`);
}

/**
 * Writes a folder under a new name beside it and gives it its own at the end, one process at a time. What an earlier call left that
 * was killed is removed, and nothing else: its name is one that only {@link asideOf} gives.
 *
 * @param write fills the folder whose path it is given, which is there and empty
 * @param clear makes room for it at the end; default: refuses a folder that holds something
 * @returns what `write` gives
 * @throws RocError IN_USE where another process writes it; USAGE where it is filled; FILE_UNWRITABLE; what `write` throws
 */
export async function writeFolder<T>(
  folder: string,
  write: (aside: string) => Promise<T>,
  clear: (folder: string) => Promise<void> = refuseFilled,
): Promise<T> {
  const out = resolve(folder);
  const lock = await takeLock(lockBeside(out), `The folder ${out}`);
  const aside = asideOf(out);
  try {
    await removeEntries(dirname(out), (name) => isAsideOf(out, name));
    await makeFolder(aside);
    const result = await write(aside);
    await clear(out);
    await publishFolder(aside, out);
    return result;
  } finally {
    await remove(aside).finally(() => lock.release());
  }
}
