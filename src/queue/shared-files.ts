/** Pictures that a job names by a path: read only below the folders that the worker was given, and only with the content that was named. */
import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { sep } from "node:path";
import { RocError } from "../errors.js";
import { MemoryBudget } from "../image/budget.js";
import { nameOfBytes, pathOfName } from "../image/index.js";
import { readFile } from "../image/read.js";
import { REFUSED } from "./waits.js";

const budget = new MemoryBudget(2 ** 29);

/** Real paths of the folders. @throws RocError FILE_NOT_FOUND */
export async function rootsOf(folders: readonly string[]): Promise<string[]> {
  return Promise.all(
    folders.map(async (folder) => {
      const found = await realpath(pathOfName(folder), "buffer").catch(() => undefined);
      if (!found) throw new RocError("FILE_NOT_FOUND", `--root ${folder} is not there. Check the path, or mount its drive.`); // prettier-ignore
      return nameOfBytes(found);
    }),
  );
}

/**
 * A picture's bytes.
 *
 * @param digest SHA-256 of what they were when the job was made
 * @throws RocError FILE_NOT_FOUND, IMAGE_UNSUPPORTED; FILE_UNREADABLE also for a path that is below none of the roots, wherever a link may
 *   lead; an Error that begins with {@link REFUSED} where there are none
 */
export async function readShared(
  path: string,
  digest: string,
  roots: readonly string[],
  name: string,
): Promise<Uint8Array> {
  if (roots.length === 0)
    throw new Error(`${REFUSED}The workers were started without --root and read no files. Start them with --root FOLDER, or scan without --by-path.`); // prettier-ignore
  const real = await realpath(pathOfName(path), "buffer").catch(() => undefined);
  if (!real) throw new RocError("FILE_NOT_FOUND", `${name}: it is not there for the worker. Mount it at the same path there, or scan without --by-path; then again with --retry.`); // prettier-ignore
  const found = nameOfBytes(real);
  const isWithin = (root: string): boolean => found.startsWith(root.endsWith(sep) ? root : root + sep);
  if (!roots.some(isWithin)) throw new RocError("FILE_UNREADABLE", `${name}: it is, or links lead to what is, below none of the worker's --root folders. Give its folder too (worker --root), or scan without --by-path; then again with --retry.`); // prettier-ignore
  using lease = budget.lease();
  const { bytes } = await readFile(found, { name, signal: undefined, lease, pipes: false });
  if (createHash("sha256").update(bytes).digest("hex") === digest) return bytes;
  throw new RocError("FILE_UNREADABLE", `${name} is another one for the worker than for the scan: it has changed meanwhile. Scan again (--retry).`); // prettier-ignore
}
