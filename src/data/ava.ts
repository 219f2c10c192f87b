/**
 * AVA (Murray et al., CVPR 2012) in its official files. The synthetic studio writes the same files.
 *
 * - `AVA.txt`, no header, space-separated: index, image id, counts of the ratings 1..10, two tag ids (0 = none),
 *   challenge id.
 * - `aesthetics_image_lists/generic_test.jpgl`: one id per line, the test part; all other pictures are for training.
 */
import { join } from "node:path";
import { RocError } from "../errors.js";
import { assemble, type Rated } from "./assemble.js";
import { readText } from "../files/index.js";
import { invalid, linesOf } from "./files.js";
import type { LoadedDataset, ReaderOptions, ScoreScale } from "./types.js";

export const AVA_LABELS = "AVA.txt";
export const AVA_TEST_LIST = "aesthetics_image_lists/generic_test.jpgl";
export const AVA_SCALE: ScoreScale = { min: 1, max: 10 };

const RATINGS = 10;
const COLUMNS = 2 + RATINGS + 2 + 1;
const IMAGE_FOLDERS = ["images", "image"];
const REMEDY = "Compare it with AVA's original file.";

/** One line of `AVA.txt`. */
export interface AvaRow {
  readonly index: number;
  readonly id: string;
  /** 10 counts, of the ratings 1 to 10. */
  readonly votes: readonly number[];
  /** Two tag ids, 0 = none. */
  readonly tags: readonly [number, number];
  readonly challenge: number;
}

/** The result of {@link readAva}. */
export interface AvaDataset extends LoadedDataset {
  /** Ids of the test list that `AVA.txt` does not rate. */
  readonly unknownTestIds: readonly string[];
}

export type AvaOptions = ReaderOptions;

/**
 * Reads AVA's official files: the official split, means and standard deviations computed from the votes. Images are
 * `<id>.jpg`.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming the file and the line
 */
export async function readAva(folder: string, options: AvaOptions = {}): Promise<AvaDataset> {
  const { rows, testIds } = await readAvaLabels(folder);
  const rated = rows.map((row) => ratedAva(row, testIds.has(row.id) ? "test" : "train"));
  const known = new Set(rows.map((row) => row.id));
  const unknownTestIds = [...testIds].filter((id) => !known.has(id));
  const notes =
    unknownTestIds.length > 0 ? [`Ids of the test list that AVA.txt does not rate: ${unknownTestIds.length}.`] : [];
  return {
    name: "AVA",
    scale: AVA_SCALE,
    ...(await assemble(rated, folder, IMAGE_FOLDERS, options, notes)),
    notes,
    unknownTestIds,
  };
}

/** AVA's label files, without the images. @throws as {@link readAva} */
export async function readAvaLabels(folder: string): Promise<{ rows: AvaRow[]; testIds: Set<string> }> {
  const rows = await readRows(join(folder, AVA_LABELS));
  return { rows, testIds: await readTestIds(join(folder, AVA_TEST_LIST)) };
}

/** The rated picture of a row of `AVA.txt`. */
export function ratedAva({ id, votes }: AvaRow, split: Rated["split"]): Rated {
  const { mean, std } = voteStatistics(votes);
  return { id, files: [`${id}.jpg`], score: mean, std, votes, split };
}

/** Mean and standard deviation (population) of a histogram of the ratings 1, 2, ... */
export function voteStatistics(votes: readonly number[]): { count: number; mean: number; std: number } {
  let [count, sum] = [0, 0];
  votes.forEach((n, i) => {
    count += n;
    sum += n * (i + 1);
  });
  const mean = sum / count;
  const variance = votes.reduce((total, n, i) => total + n * (i + 1 - mean) ** 2, 0) / count;
  return { count, mean, std: Math.sqrt(variance) };
}

/** A line of `AVA.txt` without its line break. */
export function formatAvaRow({ index, id, votes, tags, challenge }: AvaRow): string {
  return [index, id, ...votes, ...tags, challenge].join(" ");
}

/** Reads one line of `AVA.txt`. @param where file and line, for the error */
export function parseAvaRow(line: string, where: string): AvaRow {
  const row = rowOrProblem(line);
  if (typeof row === "string") throw invalidLabel(where, row);
  return row;
}

/** A row, or a description of its error. */
function rowOrProblem(line: string): AvaRow | string {
  const numbers = wholeNumbers(line.trimEnd());
  const [, id] = /^\s*\d+\s+(\d+)/.exec(line) ?? [];
  if (numbers?.length !== COLUMNS || id === undefined) return problemOf(line);
  const votes = numbers.slice(2, 2 + RATINGS);
  if (votes.every((n) => n === 0)) return `picture ${id} has no votes`;
  const [tagA = 0, tagB = 0, challenge = 0] = numbers.slice(2 + RATINGS);
  return { index: numbers[0] ?? 0, id, votes, tags: [tagA, tagB], challenge };
}

/**
 * The numbers of a line of digits and spaces; undefined for any other line. Parsed by hand for speed, since AVA has
 * 255,530 lines.
 */
function wholeNumbers(line: string): number[] | undefined {
  const numbers: number[] = [];
  let value = -1;
  for (let i = 0; i <= line.length; i++) {
    const digit = line.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) value = Math.max(value, 0) * 10 + digit;
    else if (i < line.length && line[i] !== " " && line[i] !== "\t") return undefined;
    else if (value >= 0) {
      numbers.push(value);
      value = -1;
    }
  }
  return numbers;
}

function problemOf(line: string): string {
  const fields = line.trim().split(/\s+/);
  const expected = `expected ${COLUMNS} whole numbers (index, id, 10 counts, 2 tags, challenge)`;
  if (fields.length !== COLUMNS) return `${expected}, found ${fields.length}`;
  const bad = fields.findIndex((field) => !/^\d+$/.test(field));
  return `${expected}, but number ${bad + 1} is "${fields[bad] ?? ""}"`;
}

async function readRows(file: string): Promise<AvaRow[]> {
  const seenAt = new Map<string, number>();
  const rows: AvaRow[] = [];
  for (const { text, line } of linesOf(await readText(file, { remedy: "AVA's official files belong there." }))) {
    const row = rowOrProblem(text);
    if (typeof row === "string") throw invalidLabel(`${file}, line ${line}`, row);
    const earlier = seenAt.get(row.id);
    if (earlier !== undefined)
      throw invalidLabel(`${file}, line ${line}`, `picture ${row.id} was rated in line ${earlier}`);
    seenAt.set(row.id, line);
    rows.push(row);
  }
  if (rows.length === 0) throw invalidLabel(file, "no rated picture in it");
  return rows;
}

async function readTestIds(file: string): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const { text, line } of linesOf(await readText(file, { remedy: "AVA's official files belong there." }))) {
    const id = text.trim();
    if (!/^\d+$/.test(id)) throw invalidLabel(`${file}, line ${line}`, `"${id}" is not an image id`);
    ids.add(id);
  }
  return ids;
}

function invalidLabel(where: string, what: string): RocError {
  return invalid(where, what, REMEDY);
}
