/**
 * Databases that are open in this thread, which nobody reads as plain files meanwhile: closing a descriptor of a file drops the
 * locks that other descriptors of the process have on it, and SQLite's are among them.
 */
import { statSync } from "node:fs";
import { stat } from "node:fs/promises";

/** How often each is open, by device and inode. */
const held = new Map<string, number>();

/** Notes that a database is open. @returns what notes that it is closed */
export function holdDatabase(file: string): () => void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) return () => undefined;
  const key = keyOf(found);
  held.set(key, (held.get(key) ?? 0) + 1);
  return () => {
    const rest = (held.get(key) ?? 1) - 1;
    if (rest > 0) held.set(key, rest);
    else held.delete(key);
  };
}

/** Whether a file is of an open database: it, or what SQLite keeps beside it. */
export async function isOpenDatabase(path: string | Buffer): Promise<boolean> {
  if (held.size === 0) return false;
  const main = typeof path === "string" ? path.replace(/-(wal|shm)$/, "") : path;
  const found = await stat(main).catch(() => undefined);
  return found !== undefined && held.has(keyOf(found));
}

/** @throws an Error that says that a file is of an open database */
export async function refuseDatabase(path: string | Buffer): Promise<void> {
  if (await isOpenDatabase(path)) throw new Error("it is a library that is open");
}

function keyOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`;
}
