/** JSON files of a checkpoint folder. */
import { readFile, stat } from "node:fs/promises";
import { isRocError, messageOf, RocError, type ErrorCode } from "../errors.js";

/**
 * The parsed content of a JSON file.
 *
 * @param invalid the code where it is no JSON
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE or `invalid`, naming the file
 */
export async function readJson(file: string, invalid: ErrorCode = "CONFIG_INVALID"): Promise<unknown> {
  const text = await readText(file);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RocError(invalid, `${file} is no JSON: ${messageOf(cause)}. Fetch or write the file again.`, { cause });
  }
}

/** The content of a text file. @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE */
export async function readText(file: string): Promise<string> {
  try {
    // A pipe would be waited for until somebody writes into it; a folder is told by reading it.
    const found = await stat(file);
    if (!found.isFile() && !found.isDirectory()) throw new Error("it is no file");
    return await readFile(file, "utf8");
  } catch (cause) {
    throw fileError(file, cause);
  }
}

/** What is read, or undefined where the file does not exist. */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isRocError(error) && error.code === "FILE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** An error of the file system as one of ours. */
export function fileError(file: string, cause: unknown): RocError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new RocError("FILE_NOT_FOUND", `${file} does not exist. Check the path of the checkpoint.`, { cause });
  }
  return new RocError(
    "FILE_UNREADABLE",
    `${file} cannot be read: ${messageOf(cause)}. Fetch it again, or check its rights.`,
    { cause },
  );
}
