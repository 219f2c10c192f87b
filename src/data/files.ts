/** Label files as text and as lines, and the errors that name a place in them. */
import { access, readFile } from "node:fs/promises";
import { messageOf, RocError } from "../errors.js";

/** Starts a file that some editors write; not part of its text. */
const BYTE_ORDER_MARK = "\ufeff";

/**
 * A file's text, without a byte order mark.
 *
 * @param remedy what to do where it cannot be read, a sentence
 * @throws RocError FILE_NOT_FOUND or FILE_UNREADABLE naming the file
 */
export async function readText(file: string, remedy: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw fileError(file, remedy, cause);
  });
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

/** An error of the file system as one of ours. */
export function fileError(file: string, remedy: string, cause: unknown): RocError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new RocError("FILE_NOT_FOUND", `${file} does not exist. ${remedy}`, { cause });
  }
  return new RocError("FILE_UNREADABLE", `${file} cannot be read: ${messageOf(cause)}. ${remedy}`, { cause });
}

/** A line of a file, numbered from 1. */
export interface Line {
  readonly text: string;
  readonly line: number;
}

/** The lines that are not blank, whichever way they end. */
export function* linesOf(text: string): Generator<Line, void, void> {
  const end = text.includes("\n") ? "\n" : "\r";
  let line = 0;
  for (let start = 0; start < text.length;) {
    const found = text.indexOf(end, start);
    const stop = found < 0 ? text.length : found;
    const content = text.slice(start, stop);
    line++;
    if (content.trim() !== "") yield { text: content, line };
    start = stop + 1;
  }
}

/** The lines of a file that are not blank. @throws as {@link readText} */
export async function readLines(file: string, remedy: string): Promise<Line[]> {
  return [...linesOf(await readText(file, remedy))];
}

/** A label that is not as the format says. @param where file, line and column @param remedy a sentence */
export function invalid(where: string, what: string, remedy: string, cause?: unknown): RocError {
  return new RocError("DATA_INVALID", `${where}: ${what}. ${remedy}`, cause === undefined ? undefined : { cause });
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The first of `paths` that exists. */
export async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}
