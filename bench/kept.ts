/** Parts of a bench that a stopped run leaves behind, so that the same command resumes. */
import { join } from "node:path";
import { atomicWriteJson, ifThere, readJson } from "../src/files/index.js";

/** What was made under this name before, else now. */
export async function once<T>(folder: string, name: string, make: () => Promise<T>): Promise<T> {
  const file = join(folder, `${name.replace(/\W+/g, "-")}.json`);
  const kept = await ifThere(readJson(file));
  if (kept !== undefined) return kept as T;
  const made = await make();
  await atomicWriteJson(file, made);
  console.error(name);
  return made;
}
