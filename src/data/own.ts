/**
 * Your own ratings as CSV or JSON Lines: `image` and `score`, and optionally `std`, the votes (`votes` as a JSON
 * list, or columns `votes_1` ... `votes_K`), `comment` (in JSON Lines also `comments`), `theme`, `set`, `split` and `id`. Every
 * other column is an attribute. The scale comes from the card `dataset.json` or from the caller.
 */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { RocError } from "../errors.js";
import { assemble, type Rated } from "./assemble.js";
import { DATASET_CARD, readCard, type DatasetCard } from "./card.js";
import { readError } from "../files/index.js";
import { slashed } from "./files.js";
import { csvRecords, jsonlRecords, type OwnRecord } from "./own-records.js";
import { seededPart } from "./split.js";
import type { LoadedDataset, ReaderOptions, ScoreScale } from "./types.js";

const IMAGE_FOLDERS = [".", "images"];
/** Extensions of the files that are read. */
export const OWN_FILE = /\.(csv|tsv|jsonl|ndjson)$/i;

export interface OwnOptions extends ReaderOptions {
  /** Label file, relative to the folder; default: the card's, or the only CSV or JSON Lines file of the folder. */
  readonly file?: string;
  /** Scale of the score; default: the card's. */
  readonly scale?: ScoreScale;
  /** Share that becomes the test part where there is no column `split`. Default 0.1, drawn by `seed`. */
  readonly testFraction?: number;
}

/**
 * Reads a CSV or JSON Lines file of ratings.
 *
 * @param folder the folder of the label file and the card, or the label file itself
 * @throws RocError FILE_NOT_FOUND; DATA_INVALID naming file, line and column; USAGE where no scale is stated or the
 *   folder has several label files
 */
export async function readOwn(folder: string, options: OwnOptions = {}): Promise<LoadedDataset> {
  const [base, named] = await labelFile(folder, options.file);
  const card = await readCard(base);
  const scale = options.scale ?? card.scale;
  if (scale === undefined) throw new RocError("DATA_INVALID", noScale(base));
  const file = join(base, named ?? (card.file && slashed(card.file)) ?? (await onlyLabelFile(base)));
  const read = /\.(jsonl|ndjson)$/i.test(file) ? jsonlRecords : csvRecords;
  const notes: string[] = [];
  const records = await read(file, {
    attributes: card.attributes && new Set(card.attributes),
    nonFinite: options.nonFinite ?? "refuse",
    notes,
  });
  const images = options.images ?? card.images;
  const found = await assemble(
    withSplits(records, options, notes),
    base,
    IMAGE_FOLDERS,
    { ...options, ...(images !== undefined && { images }) },
    notes,
  );
  return {
    name: card.name ?? basename(file, extname(file)),
    scale,
    ...(card.attributeScales && { attributeScales: card.attributeScales }),
    ...found,
    notes: [...notes, ...unmatchedAttributes(card, records)],
  };
}

/** The folder, and the file in it where one is given. */
async function labelFile(path: string, file: string | undefined): Promise<[string, string | undefined]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw readError(path, cause, "Give the folder of the label file, or the file.");
  });
  return found.isDirectory() ? [path, file] : [dirname(path), basename(path)];
}

async function onlyLabelFile(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => OWN_FILE.test(name)).sort();
  const [only, ...others] = names;
  if (only === undefined) {
    throw new RocError("FILE_NOT_FOUND", `${folder} has no label file; put a CSV or JSON Lines file (.jsonl) there.`);
  }
  if (others.length === 0) return only;
  const remedy = `choose one: "file" in ${DATASET_CARD}, or give the file instead of the folder.`;
  throw new RocError("USAGE", `${folder} has several label files (${names.join(", ")}); ${remedy}`);
}

function noScale(folder: string): string {
  const example = `{"name": "${basename(folder)}", "scale": {"min": 1, "max": 10}}`;
  return `${folder} does not state the scale of its scores. Write a file ${DATASET_CARD} there: ${example}.`;
}

/** The records with their own split, or with a drawn one. */
function withSplits(records: readonly OwnRecord[], options: OwnOptions, notes: string[]): Rated[] {
  const { testFraction = 0.1, seed = 0 } = options;
  const drawn = records.some(({ split }) => split === undefined);
  // All pictures of a set in one part.
  const keyOf = ({ id, group = id }: OwnRecord): string => group;
  const ids = new Set(drawn ? records.map(keyOf) : []);
  const test = seededPart([...ids], drawn ? testFraction : 0, seed);
  if (drawn) notes.push(`No column "split": the test part is drawn by seed ${seed}, ${test.size} of ${ids.size}.`);
  return records.map((record) => ({ ...record, split: record.split ?? (test.has(keyOf(record)) ? "test" : "train") }));
}

/** Notes on attributes that the card names and no record has. */
function unmatchedAttributes(
  { attributes = [], attributeScales = {} }: DatasetCard,
  records: readonly OwnRecord[],
): string[] {
  const present = new Set(records.flatMap(({ attributes: own }) => Object.keys(own ?? {})));
  return [...new Set([...attributes, ...Object.keys(attributeScales)])]
    .filter((name) => !present.has(name))
    .map((name) => `${DATASET_CARD} names the attribute "${name}", which no picture has.`);
}
