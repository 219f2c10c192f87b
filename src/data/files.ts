/** Label files as text and as lines, and the errors that name a place in them. */
import { RocError } from "../errors.js";
import { exists, readText } from "../files/index.js";

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

/**
 * The lines of a file that are not blank.
 *
 * @param remedy what to do where it cannot be read
 * @param notes allow another encoding, which is said there
 * @throws as {@link readText}
 */
export async function readLines(file: string, remedy: string, notes?: string[]): Promise<Line[]> {
  return [...linesOf(await readText(file, { remedy, notes }))];
}

/** A label that is not as the format says. @param where file, line and column @param remedy a sentence */
export function invalid(where: string, what: string, remedy: string, cause?: unknown): RocError {
  return new RocError("DATA_INVALID", `${where}: ${what}. ${remedy}`, cause === undefined ? undefined : { cause });
}

/** A path as Windows writes it, with the slashes of all others. */
export function slashed(path: string): string {
  return path.replaceAll("\\", "/");
}

/** The first of `paths` that exists. */
export async function firstExisting(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path;
  return undefined;
}
