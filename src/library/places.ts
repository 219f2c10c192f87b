/**
 * Where photos are: one place for a file, whatever links lead to its folder. A file that is a link itself keeps its own name: that
 * says what kind of picture it is, and the sidecar is beside it.
 */
import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { nameOfBytes, pathOfName } from "../image/index.js";

/** A folder's real path; as it was given where it is not there. */
export function realFolder(folder: string): Promise<string> {
  return realpath(pathOfName(folder), "buffer").then(nameOfBytes, () => folder);
}

/** The places of files, from the root: each in the real path of its folder, in the order of the files. */
export async function placesOf(files: readonly string[]): Promise<string[]> {
  const real = new Map<string, string>();
  for (const folder of new Set(files.map((file) => dirname(file)))) real.set(folder, await realFolder(folder));
  return files.map((file) => join(real.get(dirname(file)) ?? "", basename(file)));
}
