/** Label files with one line `name value` per picture. */
import { invalid, readLines, slashed } from "./files.js";
import { numberProblem, parseNumber } from "./numbers.js";
import type { ReaderOptions } from "./types.js";

/** The lines of a file, in its order. @throws RocError FILE_NOT_FOUND, DATA_INVALID naming the line */
export async function readValues(
  file: string,
  { nonFinite }: ReaderOptions,
  notes: string[],
  remedy: string,
): Promise<[string, number][]> {
  const lines = await readLines(file, remedy, notes);
  if (lines.length === 0) throw invalid(file, "no rated picture in it", remedy);
  return lines.map(({ text, line }) => {
    const [, name, value] = /^\s*(\S.*?)[\s,]+(\S+)\s*$/.exec(text) ?? [];
    const where = `${file}, line ${line}`;
    if (name === undefined || value === undefined)
      throw invalid(where, `"${text.trim()}" is not "filename value"`, remedy);
    const problem = numberProblem(value, nonFinite);
    if (problem !== undefined) throw invalid(`${where}, column 2 (value)`, problem, remedy);
    return [slashed(name), parseNumber(value) ?? NaN];
  });
}
