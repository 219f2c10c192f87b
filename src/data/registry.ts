/** Every readable data set, by kind. To add one, write an adapter beside this file and add an entry here. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { RocError } from "../errors.js";
import { AADB_ATTRIBUTES, AADB_LABELS, aadbLabelFile, readAadb } from "./aadb.js";
import { AVA_CAPTIONS_FILE, readAvaCaptions, type AvaCaptionsOptions } from "./ava-captions.js";
import { AVA_LABELS, readAva } from "./ava.js";
import { ratedByAttribute } from "./by-attribute.js";
import { DATASET_CARD } from "./card.js";
import { exists, readError } from "../files/index.js";
import { firstExisting } from "./files.js";
import { FLICKR_AES_SCORES, readFlickrAes } from "./flickr-aes.js";
import { FLIVE_FILES, FLIVE_FOLDERS, readFlive } from "./flive.js";
import { ICAA17K_COLUMNS, ICAA17K_FILES, readIcaa17k } from "./icaa17k.js";
import { KADID_LABELS, KADID_PLACES, readKadid } from "./kadid10k.js";
import { KONIQ_FILES, KONIQ_FOLDERS, readKoniq } from "./koniq10k.js";
import { OWN_FILE, readOwn, type OwnOptions } from "./own.js";
import { PARA_ATTRIBUTES, PARA_FILES, PARA_LABELS, readPara } from "./para.js";
import { readSpaq, SPAQ_FILES, SPAQ_LABELS, spaqPlaces } from "./spaq.js";
import { readStudio } from "./studio.js";
import { readTable } from "./table.js";
import { readTad66k, TAD66K_LABELS, type Tad66kOptions } from "./tad66k.js";
import type { LoadedDataset, ReaderOptions } from "./types.js";

/** The kinds, in the order of detection: more specific files first. */
export const DATASET_KINDS = ["studio", "ava-captions", "ava", "tad66k", "para", "aadb", "koniq10k", "spaq", "kadid10k", "flive", "flickr-aes", "icaa17k", "csv"] as const satisfies readonly DatasetKind[]; // prettier-ignore

/**
 * Which files a data set has: those of AVA, TAD66K and so on, or your own (`csv`, which is JSON Lines too).
 *
 * @category Data sets
 */
export type DatasetKind =
  | ("studio" | "ava-captions" | "ava" | "tad66k" | "para" | "aadb" | "icaa17k" | "csv")
  | ("koniq10k" | "spaq" | "kadid10k" | "flive" | "flickr-aes");

/**
 * Options of every adapter; each uses those of its own reader and the common ones.
 *
 * @category Data sets
 */
export interface DatasetOptions extends Tad66kOptions, AvaCaptionsOptions, OwnOptions {
  /**
   * The column that is the score: `icaa17k`: `color` (default) or `MOS`; `koniq10k`: `MOS` (default) or `MOS_zscore`; `aadb`,
   * `para` and `csv`: an attribute. Pictures without it are left out then. A data set without it refuses it (USAGE).
   */
  readonly column?: ScoreColumn;
}

/**
 * A column that is the score, of the data sets that have several.
 *
 * @category Data sets
 */
export type ScoreColumn =
  | ("color" | "MOS" | "MOS_zscore")
  | ("BalacingElements" | "ColorHarmony" | "Content" | "DoF" | "Light" | "MotionBlur" | "Object" | "Repetition")
  | ("RuleOfThirds" | "Symmetry" | "VividColor")
  | ("compositionScore" | "colorScore" | "dofScore" | "lightScore" | "contentScore");

export const SCORE_COLUMNS = ["color", "MOS", "MOS_zscore", ...AADB_ATTRIBUTES, ...PARA_ATTRIBUTES] as const satisfies readonly ScoreColumn[]; // prettier-ignore

/** @throws RocError USAGE where a data set does not have the column that is asked for */
function noSuchColumn(folder: string, column: string, known: readonly string[]): RocError {
  const there = known.length > 0 ? `known: ${known.join(", ")}` : "it has one score; leave the column out";
  return new RocError("USAGE", `${folder}: ${column} is no score of this data set; ${there}.`);
}

/** An adapter of a data set that has some of these columns. @throws RocError USAGE for another */
function withColumn<Column extends ScoreColumn>(
  columns: readonly Column[],
  read: (folder: string, options: ReaderOptions & { readonly column?: Column }) => Promise<LoadedDataset>,
): Adapter["read"] {
  return async (folder, { column, ...options }) => {
    if (column === undefined) return read(folder, options);
    const known = columns.find((name) => name === column);
    if (known) return read(folder, { ...options, column: known });
    throw noSuchColumn(folder, column, columns);
  };
}

/** An adapter of a data set with attributes, any of which may be the score. @throws as {@link withColumn} */
function withAttribute<Name extends ScoreColumn>(
  names: readonly Name[],
  read: (folder: string, options: ReaderOptions) => Promise<LoadedDataset>,
): Adapter["read"] {
  return withColumn(names, async (folder, { column, ...options }) => {
    const data = await read(folder, options);
    return column === undefined ? data : ratedByAttribute(data, column);
  });
}

/** An adapter of a data set that has one score. @throws RocError USAGE for a column */
function withOneScore(read: (folder: string, options: DatasetOptions) => Promise<LoadedDataset>): Adapter["read"] {
  return async (folder, { column, ...options }) => {
    if (column !== undefined) throw noSuchColumn(folder, column, []);
    return read(folder, options);
  };
}

/** Your own file, any of whose attributes may be the score. @throws RocError USAGE for a column that no picture has */
async function readOwnColumn(folder: string, { column, ...options }: DatasetOptions): Promise<LoadedDataset> {
  const data = await readOwn(folder, options);
  if (column === undefined) return data;
  const all = data.rated ?? [...data.samples, ...data.missing];
  const names = [...new Set(all.flatMap(({ attributes }) => Object.keys(attributes ?? {})))];
  if (!names.includes(column)) throw noSuchColumn(folder, column, names);
  return ratedByAttribute(data, column);
}

/**
 * Which data set to read.
 *
 * @category Data sets
 */
export interface DatasetRequest extends DatasetOptions {
  /** Default: by the files in the folder. */
  readonly kind?: DatasetKind;
  /** Its folder; for `csv` also the label file itself. */
  readonly folder: string;
}

interface Adapter {
  /** The file that identifies the kind, for messages. */
  readonly file: string;
  readonly detects: (folder: string) => Promise<boolean>;
  readonly read: (folder: string, options: DatasetOptions) => Promise<LoadedDataset>;
}

/** Detects a folder that holds one of these files. */
function anyOf(...files: readonly string[]): Adapter["detects"] {
  return async (folder) => (await firstExisting(files.map((file) => join(folder, file)))) !== undefined;
}

const ADAPTERS: Readonly<Record<DatasetKind, Adapter>> = {
  studio: {
    file: "studio.json",
    detects: async (folder) => (await exists(join(folder, "studio.json"))) && (await exists(join(folder, AVA_LABELS))),
    read: withOneScore(readStudio),
  },
  "ava-captions": { file: AVA_CAPTIONS_FILE, detects: anyOf(AVA_CAPTIONS_FILE), read: withOneScore(readAvaCaptions) },
  ava: { file: AVA_LABELS, detects: anyOf(AVA_LABELS), read: withOneScore(readAva) },
  tad66k: {
    file: "merge/train.csv",
    detects: anyOf(...TAD66K_LABELS.flatMap((at) => [join(at, "merge", "train.csv"), join(at, "unmerge", "train")])),
    read: withOneScore(readTad66k),
  },
  para: {
    file: `${PARA_LABELS}/${PARA_FILES.train}`,
    detects: anyOf(join(PARA_LABELS, PARA_FILES.train), PARA_FILES.train),
    read: withAttribute(PARA_ATTRIBUTES, readPara),
  },
  aadb: {
    file: `${AADB_LABELS}/${aadbLabelFile("train", "score")}`,
    detects: anyOf(join(AADB_LABELS, aadbLabelFile("train", "score")), aadbLabelFile("train", "score")),
    read: withAttribute(AADB_ATTRIBUTES, readAadb),
  },
  koniq10k: {
    file: KONIQ_FILES.scores,
    detects: anyOf(...KONIQ_FOLDERS.flatMap((at) => Object.values(KONIQ_FILES).map((name) => join(at, name)))),
    read: withColumn(["MOS", "MOS_zscore"], readKoniq),
  },
  spaq: {
    file: `${SPAQ_LABELS}/${SPAQ_FILES.scores}.xlsx`,
    detects: anyOf(...spaqPlaces(".", SPAQ_FILES.scores)),
    read: withOneScore(readSpaq),
  },
  kadid10k: { file: KADID_LABELS, detects: anyOf(...KADID_PLACES), read: withOneScore(readKadid) },
  flive: {
    file: FLIVE_FILES.all[0],
    detects: anyOf(
      ...FLIVE_FOLDERS.flatMap((at) => [...FLIVE_FILES.all, ...FLIVE_FILES.small].map((name) => join(at, name))),
    ),
    read: withOneScore(readFlive),
  },
  "flickr-aes": { file: FLICKR_AES_SCORES, detects: anyOf(FLICKR_AES_SCORES), read: withOneScore(readFlickrAes) },
  icaa17k: {
    file: "train.csv (ID, color, MOS)",
    detects: detectsIcaa17k,
    read: withColumn(["color", "MOS"], readIcaa17k),
  },
  csv: { file: `a CSV or JSON Lines file and ${DATASET_CARD}`, detects: detectsOwn, read: readOwnColumn },
};

/** Decided by the header: many data sets have a `train.csv`. */
async function detectsIcaa17k(folder: string): Promise<boolean> {
  const file = await firstExisting(ICAA17K_FILES.train.map((name) => join(folder, name)));
  if (file === undefined) return false;
  return readTable(file, { columns: ICAA17K_COLUMNS, remedy: "", notes: [] }).then(
    () => true,
    () => false,
  );
}

async function detectsOwn(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return OWN_FILE.test(path);
  const names = await readdir(path).catch(() => []);
  return names.some((name) => OWN_FILE.test(name) || name === DATASET_CARD);
}

/** The kind of the data set in a folder, by its files; undefined where none matches. */
export async function detectKind(folder: string): Promise<DatasetKind | undefined> {
  for (const kind of DATASET_KINDS) if (await ADAPTERS[kind].detects(folder)) return kind;
  return undefined;
}

/**
 * Reads a data set of any kind.
 *
 * @throws RocError FILE_NOT_FOUND, DATA_INVALID (naming file, line and column) or USAGE, with a remedy
 */
export async function readDataset(request: DatasetRequest): Promise<LoadedDataset> {
  const { folder, kind = await detectKind(folder), ...options } = request;
  if (kind !== undefined) return ADAPTERS[kind].read(folder, options);
  const there = await exists(folder);
  // A folder that cannot be listed may hold anything.
  if (there && (await stat(folder)).isDirectory()) {
    await readdir(folder).catch((cause: unknown) => {
      throw readError(folder, cause, "Check the folder's permissions.");
    });
  }
  if (!there) throw new RocError("FILE_NOT_FOUND", `${folder} does not exist. Give the folder of a data set.`);
  const known = DATASET_KINDS.map((name) => `${name}: ${ADAPTERS[name].file}`).join("; ");
  throw new RocError("DATA_INVALID", `${folder} holds no data set that is known here. Looked for ${known}.`);
}
