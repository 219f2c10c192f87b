/** Names for what is written beside a file before it takes the file's own name. */
import { createHash, randomUUID } from "node:crypto";
import { basename, dirname, join } from "node:path";

/** A new name in the folder of a file: short, since the file's own may be as long as the system takes. */
export function asideOf(file: string): string {
  return join(dirname(file), `${beginningOf(file)}${randomUUID()}.tmp`);
}

/** Whether a name of its folder is one that {@link asideOf} has given for a file. */
export function isAsideOf(file: string, name: string): boolean {
  const begins = beginningOf(file);
  return name.startsWith(begins) && /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\.tmp$/.test(name.slice(begins.length));
}

/** The lock on a file or folder, in its folder: as short. */
export function lockBeside(path: string): string {
  return join(dirname(path), `${beginningOf(path)}lock`);
}

function beginningOf(file: string): string {
  return `.${createHash("sha256").update(basename(file)).digest("hex").slice(0, 16)}-`;
}
