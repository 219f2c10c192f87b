/** Label files as lines, and errors that name a position in them. */
import { RocError } from "../errors.js";
import { exists, readText } from "../files/index.js";

/** A line of a file, numbered from 1. */
export interface Line {
  readonly text: string;
  readonly line: number;
}

/** The non-blank lines, with any line ends. */
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

/**
 * The non-blank lines of a file.
 *
 * @param remedy what to do where it cannot be read
 * @param notes allows Windows-1252; receives a sentence where it is used
 * @throws as {@link readText}
 */
export async function readLines(file: string, remedy: string, notes?: string[]): Promise<Line[]> {
  return [...linesOf(await readText(file, { remedy, notes }))];
}

/** The error for a label that violates the format. @param where file, line and column @param remedy a sentence */
export function invalid(where: string, what: string, remedy: string, cause?: unknown): RocError {
  return new RocError("DATA_INVALID", `${where}: ${what}. ${remedy}`, cause === undefined ? undefined : { cause });
}

/** A Windows path with forward slashes. */
export function slashed(path: string): string {
  return path.replaceAll("\\", "/");
}

/** The first of `paths` that exists. */
export async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}
