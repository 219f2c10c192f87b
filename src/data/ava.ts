/**
 * AVA (Murray et al., CVPR 2012) in its official files. The synthetic studio writes the same files.
 *
 * - `AVA.txt`, no header, space-separated: index, image id, counts of the ratings 1..10, two tag ids (0 = none),
 *   challenge id.
 * - `aesthetics_image_lists/generic_test.jpgl`: one id a line, the test part; all other pictures are for training.
 */
import { readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { RocError } from "../errors.js";
import type { SeedPart } from "./random.js";
import { seededPart } from "./split.js";
import type { RatedDataset, Sample, ScoreScale, Split } from "./types.js";

export const AVA_LABELS = "AVA.txt";
export const AVA_TEST_LIST = "aesthetics_image_lists/generic_test.jpgl";
export const AVA_SCALE: ScoreScale = { min: 1, max: 10 };

const RATINGS = 10;
const COLUMNS = 2 + RATINGS + 2 + 1;

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

/** What {@link readAva} found. */
export interface AvaDataset extends RatedDataset {
  /** Rated pictures whose image file is not there; they are not among `samples`. */
  readonly missing: readonly Sample[];
  /** Ids of the test list that `AVA.txt` does not rate. */
  readonly unknownTestIds: readonly string[];
}

export interface AvaOptions {
  /** Folder of the images `<id>.jpg`; relative paths start at the data set's folder. Default `images`. */
  readonly images?: string;
  /** Share of the official training part that is set apart for validation, in [0, 1). Default 0. */
  readonly validationFraction?: number;
  /** Seed of that share. Default 0. */
  readonly seed?: SeedPart;
}

/**
 * Reads AVA's official files: the official split, means and standard deviations computed from the votes.
 *
 * @throws RocError FILE_NOT_FOUND or DATA_INVALID, naming the file and the line
 */
export async function readAva(folder: string, options: AvaOptions = {}): Promise<AvaDataset> {
  const { images = "images", validationFraction = 0, seed = 0 } = options;
  const rows = await readRows(join(folder, AVA_LABELS));
  const test = await readTestIds(join(folder, AVA_TEST_LIST));
  const imageFolder = resolve(folder, images);
  const present = new Set(await listFolder(imageFolder));
  const trainIds = rows.filter((row) => !test.has(row.id)).map((row) => row.id);
  const validation = seededPart(trainIds, validationFraction, seed);
  const splitOf = (id: string): Split => (test.has(id) ? "test" : validation.has(id) ? "validation" : "train");
  const all = rows.map((row) => sampleOf(row, join(imageFolder, `${row.id}.jpg`), splitOf(row.id)));
  const known = new Set(rows.map((row) => row.id));
  return {
    name: "AVA",
    scale: AVA_SCALE,
    samples: all.filter((sample) => present.has(`${sample.id}.jpg`)),
    missing: all.filter((sample) => !present.has(`${sample.id}.jpg`)),
    unknownTestIds: [...test].filter((id) => !known.has(id)),
  };
}

/** Mean and standard deviation (population) of a histogram of the ratings 1, 2, ... */
export function voteStatistics(votes: readonly number[]): { count: number; mean: number; std: number } {
  const count = votes.reduce((sum, n) => sum + n, 0);
  const mean = votes.reduce((sum, n, i) => sum + n * (i + 1), 0) / count;
  const variance = votes.reduce((sum, n, i) => sum + n * (i + 1 - mean) ** 2, 0) / count;
  return { count, mean, std: Math.sqrt(variance) };
}

/** A line of `AVA.txt` without its end. */
export function formatAvaRow({ index, id, votes, tags, challenge }: AvaRow): string {
  return [index, id, ...votes, ...tags, challenge].join(" ");
}

/** Reads one line of `AVA.txt`. @param where file and line, for the error */
export function parseAvaRow(line: string, where: string): AvaRow {
  const fields = line.trim().split(/\s+/);
  const [index, id = "", ...rest] = fields;
  const numbers = [index, ...rest].map(Number);
  if (fields.length !== COLUMNS || !/^\d+$/.test(id) || !numbers.every((n) => Number.isInteger(n) && n >= 0)) {
    throw invalid(where, `expected ${COLUMNS} whole numbers (index, id, 10 counts, 2 tags, challenge)`);
  }
  const votes = numbers.slice(1, 1 + RATINGS);
  if (voteStatistics(votes).count === 0) throw invalid(where, `picture ${id} has no votes`);
  const [tagA = 0, tagB = 0, challenge = 0] = numbers.slice(1 + RATINGS);
  return { index: numbers[0] ?? 0, id, votes, tags: [tagA, tagB], challenge };
}

async function readRows(file: string): Promise<AvaRow[]> {
  const seenAt = new Map<string, number>();
  const rows: AvaRow[] = [];
  for (const { text, line } of await readLines(file)) {
    const row = parseAvaRow(text, `${file}, line ${line}`);
    const earlier = seenAt.get(row.id);
    if (earlier !== undefined) throw invalid(`${file}, line ${line}`, `picture ${row.id} was rated in line ${earlier}`);
    seenAt.set(row.id, line);
    rows.push(row);
  }
  if (rows.length === 0) throw invalid(file, "no rated picture in it");
  return rows;
}

async function readTestIds(file: string): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const { text, line } of await readLines(file)) {
    const id = text.trim();
    if (!/^\d+$/.test(id)) throw invalid(`${file}, line ${line}`, `"${id}" is not an image id`);
    ids.add(id);
  }
  return ids;
}

/** The lines that are not blank, numbered from 1. */
async function readLines(file: string): Promise<{ text: string; line: number }[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new RocError("FILE_NOT_FOUND", `${file} cannot be read; AVA's official files belong there.`, { cause });
  });
  const lines = text.split(/\r?\n/).map((content, i) => ({ text: content, line: i + 1 }));
  return lines.filter(({ text: content }) => content.trim() !== "");
}

async function listFolder(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: unknown) => {
    throw new RocError("FILE_NOT_FOUND", `The image folder ${folder} cannot be read; give it as "images".`, { cause });
  });
}

function sampleOf(row: AvaRow, image: string, split: Split): Sample {
  const { mean, std } = voteStatistics(row.votes);
  return { id: row.id, image, score: mean, std, votes: row.votes, split };
}

function invalid(where: string, what: string): RocError {
  return new RocError("DATA_INVALID", `${where}: ${what}. Compare it with AVA's original file.`);
}
