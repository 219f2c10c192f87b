/** Another system's predictions, matched with a data set's samples. */
import { basename, extname } from "node:path";
import { attributeScale, type LoadedDataset, type Sample, type ScoreScale } from "../data/index.js";
import { slashed } from "../data/files.js";
import { messageOf, RocError } from "../errors.js";
import { toScale } from "../roc/vocabulary.js";
import { normalised } from "../metrics/distributions.js";
import * as fields from "./values.js";
import { ratedOf, SCORE, succeeded, type Prediction } from "./prediction.js";
import { readRows } from "./rows.js";
import { ratingsOf } from "./summary.js";

/** Names that a column with the overall prediction may have, the first that is there counting. */
const SCORE_COLUMNS = [
  ...["predicted_score", "pred_score", "predicted_mos", "pred_mos", "predicted", "prediction", "pred", "y_pred"],
  ...["score", "mos", "mean_score", "mean", "rating"],
];
const ID_COLUMNS = [
  ...["id", "image", "image_id", "imageid", "image_name", "image_path", "img", "img_id", "img_name", "img_path"],
  ...["filename", "file_name", "filepath", "file_path", "file", "path", "name"],
];
const DISTRIBUTION_COLUMNS = ["predicted_distribution", "distribution"];

/** What the file does not say itself. */
export interface SystemOptions {
  /** Names of its columns; default: the known names. */
  readonly idColumn?: string | undefined;
  readonly scoreColumn?: string | undefined;
  /** That its scores are on, where a row has no `scale`; default: the data set's. */
  readonly scale?: ScoreScale | undefined;
}

export interface SystemPredictions {
  /** One a sample, in the samples' order; those the file says nothing of have an error. */
  readonly predictions: readonly Prediction[];
  /** Sentences on the file: another encoding than UTF-8. */
  readonly notes: readonly string[];
  /** Which columns were read. */
  readonly columns: { readonly id: string; readonly score: string };
  /** Rows of the file that belong to no sample, and one of their names. */
  readonly unmatched: number;
  readonly unmatchedId?: string | undefined;
}

type Scales = Pick<LoadedDataset, "scale" | "attributeScales" | "name">;

/**
 * Reads a file of predictions (CSV, JSON Lines, Parquet): a column that names the picture (its id, path or file name),
 * and one with the score; `predicted_NAME`, or an object `attributes`, for attributes; where they are there, `std`,
 * `distribution` (both also as `predicted_...`), `comment` and `error`. A distribution alone gives score and spread. Values
 * are on the data set's scales, or on that of the row's `scale`, as `roc4mllm score --json` writes it.
 *
 * A picture without a score has an error: `MISSING` without a row, `NO_SCORE` for an empty field or NaN (or the row's own
 * `error`), `ANSWER_UNCLEAR` for a score that is no number.
 *
 * @throws RocError FILE_NOT_FOUND; DATA_INVALID where a column is missing, another field is not of its form, a name fits
 *   several pictures, a picture is there twice, no picture at all gets a score, or the column that was found, but not asked
 *   for, holds the data set's own labels
 */
export async function readSystem(
  file: string,
  data: Scales,
  samples: readonly Sample[],
  { idColumn, scoreColumn, scale }: SystemOptions = {},
): Promise<SystemPredictions> {
  const notes: string[] = [];
  const rows = await readRows(file, undefined, notes);
  if (rows.length === 0) throw new RocError("DATA_INVALID", `${file} holds no row.`);
  const columns = new Set(rows.flatMap((row) => [...row.keys()]));
  const ids = columnOf(columns, idColumn ? [idColumn] : ID_COLUMNS, file, "the picture", "--id-column");
  const known = scoreColumn ? [scoreColumn] : [...SCORE_COLUMNS, ...DISTRIBUTION_COLUMNS];
  const scores = columnOf(columns, known, file, "the prediction", "--score-column");
  const { found, unmatched, unmatchedId: unmatchedId } = match(rows, ids, file, samples);
  if (found.size === 0) {
    const names = `It has ${unmatchedId}, the data set ${samples[0]?.id}`;
    throw new RocError(
      "DATA_INVALID",
      `No row of ${file} belongs to a picture of this part. ${names}; try --split all.`,
    );
  }
  const reader = { file, data, scoreColumn: scores, scale };
  const predictions = samples.map((sample) => predictionOf(sample, found.get(sample.id), reader));
  if (!predictions.some((row) => succeeded(row) || row.comment !== undefined)) {
    const { error } = predictions.find(({ id }) => found.has(id)) as Prediction;
    throw new RocError("DATA_INVALID", `${file} has no score for any picture: ${error?.message}.`);
  }
  if (!scoreColumn && areLabels(predictions, data.scale)) {
    const remedy = `Name the one with the predictions by --score-column; there are ${[...columns].join(", ")}`;
    throw new RocError("DATA_INVALID", `${file}: its column ${scores} holds the data set's own labels. ${remedy}.`);
  }
  return { predictions, notes, unmatched, unmatchedId: unmatchedId, columns: { id: ids, score: scores } };
}

/** Fewer than so many scores may be right by chance. */
const FEW = 5;

/** Whether every score is the rated one, except for rounding: a file may hold both, under names that say little. */
function areLabels(predictions: readonly Prediction[], { min, max }: ScoreScale): boolean {
  const pairs = predictions.flatMap(({ predicted, truth }) => {
    const [value, label] = [predicted[SCORE], truth[SCORE]];
    return typeof value === "number" && label !== undefined ? [[value, label] as const] : [];
  });
  const near = 1e-4 * (max - min);
  return pairs.length >= FEW && pairs.every(([value, label]) => Math.abs(value - label) <= near);
}

/** Rows by the id of their sample. */
function match(
  rows: readonly fields.Row[],
  idColumn: string,
  file: string,
  samples: readonly Sample[],
): { found: Map<string, fields.Row>; unmatched: number; unmatchedId: string | undefined } {
  const known = namesOf(samples);
  const found = new Map<string, fields.Row>();
  const unmatchedIds: string[] = [];
  rows.forEach((row, index) => {
    const name = slashed(fields.textOf(row.get(idColumn)));
    const [id, other] = known.get(name) ?? known.get(basename(name)) ?? known.get(stem(name)) ?? [];
    const fault = (text: string): RocError =>
      new RocError("DATA_INVALID", `${file}, row ${index + 1}: ${name} ${text}`);
    if (other !== undefined) throw fault(`may be ${id} or ${other}; name pictures by the data set's ids.`);
    if (id === undefined) unmatchedIds.push(name);
    else if (found.has(id)) throw fault("stands there twice.");
    else found.set(id, row);
  });
  return { found, unmatched: unmatchedIds.length, unmatchedId: unmatchedIds[0] };
}

/** What a picture may be called, and the ids that go by it: an id by itself alone, else several where a name is not unique. */
function namesOf(samples: readonly Sample[]): Map<string, readonly string[]> {
  const names = new Map<string, Set<string>>();
  for (const { id, image } of samples) {
    for (const name of new Set([image, basename(image), stem(image)])) {
      const ids = names.get(name);
      if (ids) ids.add(id);
      else names.set(name, new Set([id]));
    }
  }
  const own = samples.map(({ id }) => [id, [id]] as const);
  return new Map([...[...names].map(([name, ids]) => [name, [...ids]] as const), ...own]);
}

interface Reader {
  readonly file: string;
  readonly data: Scales;
  readonly scoreColumn: string;
  readonly scale: ScoreScale | undefined;
}

function predictionOf(sample: Sample, row: fields.Row | undefined, reader: Reader): Prediction {
  const { file, data, scoreColumn } = reader;
  const rated = ratedOf(sample);
  const none = { ...rated, predicted: { [SCORE]: null }, std: null, distribution: null };
  if (!row) return { ...none, error: { code: "MISSING", message: `${file} has no row for it` } };
  const where = (what: string): string => `${file}: ${what} of ${sample.id}`;
  const own = fields.scaleOf(row.get("scale"), where("scale")) ?? reader.scale ?? data.scale;
  const distribution = weightsOf(row, where("distribution"));
  const moments = distribution && momentsOf(distribution, own);
  const fromWeights = DISTRIBUTION_COLUMNS.includes(scoreColumn);
  const score = fromWeights ? { value: moments?.mean ?? null } : scoreOf(row.get(scoreColumn), where("score"));
  const error = fields.errorOf(row.get("error")) ?? score.error;
  const comment = fields.textOf(row.get("comment"));
  const said = comment === "" ? {} : { comment };
  if (score.value === null)
    return { ...none, ...said, error: error ?? { code: "NO_SCORE", message: `${where("score")} is empty or NaN` } };
  const std = fields.numberOf(row.get("predicted_std") ?? row.get("std"), where("std")) ?? moments?.std ?? null;
  return {
    ...rated,
    predicted: { [SCORE]: rescaled(score.value, own, data.scale), ...attributesOf(row, sample, own, reader) },
    std: std === null ? null : (std * (data.scale.max - data.scale.min)) / (own.max - own.min),
    distribution,
    ...said,
  };
}

/** Values that need it only: the others keep their digits. */
function rescaled(value: number, from: ScoreScale, to: ScoreScale): number {
  return from.min === to.min && from.max === to.max ? value : toScale(value, from, to);
}

/** What is no number counts as an answer that could not be read. */
function scoreOf(field: unknown, where: string): { value: number | null; error?: Prediction["error"] } {
  try {
    return { value: fields.numberOf(field, where) };
  } catch (error) {
    return { value: null, error: { code: "ANSWER_UNCLEAR", message: messageOf(error).replace(/\.$/, "") } };
  }
}

function weightsOf(row: fields.Row, where: string): number[] | null {
  const field = DISTRIBUTION_COLUMNS.map((name) => row.get(name)).find(
    (weights) => weights !== undefined && weights !== null,
  );
  const weights = fields.numbersOf(field, where);
  if (weights === null || (weights.length > 1 && weights.every((weight) => weight >= 0) && weights.some(Boolean)))
    return weights;
  throw new RocError("DATA_INVALID", `${where} is ${JSON.stringify(weights)}; give weights from 0 up, two or more.`);
}

/** Of weights of evenly spaced ratings. */
function momentsOf(weights: readonly number[], scale: ScoreScale): { mean: number; std: number } {
  const ratings = ratingsOf(weights.length, scale);
  const shares = normalised(weights, "the prediction");
  const expected = (of: (rating: number) => number): number =>
    ratings.reduce((sum, rating, i) => sum + of(rating) * (shares[i] ?? NaN), 0);
  const mean = expected((rating) => rating);
  return { mean, std: Math.sqrt(expected((rating) => (rating - mean) ** 2)) };
}

/** The attributes of a row by name, on the data set's scales; a row's own scale, or the one given, is theirs too. */
function attributesOf(
  row: fields.Row,
  sample: Sample,
  own: ScoreScale,
  { file, data, scale }: Reader,
): Record<string, number | null> {
  const where = (what: string): string => `${file}: ${what} of ${sample.id}`;
  const attributes = fields.recordOf(row.get("attributes"), where("attributes")) ?? {};
  const scaled = scale !== undefined || fields.scaleOf(row.get("scale"), where("scale")) !== null;
  const values = Object.keys(sample.attributes ?? {}).map((name) => {
    const value = fields.numberOf(row.get(`predicted_${name.toLowerCase()}`) ?? attributes[name], where(name));
    return [name, value === null || !scaled ? value : rescaled(value, own, attributeScale(data, name))] as const;
  });
  return Object.fromEntries(values);
}

function stem(path: string): string {
  return basename(path, extname(path));
}

function columnOf(
  columns: ReadonlySet<string>,
  names: readonly string[],
  file: string,
  what: string,
  option: string,
): string {
  const found = names.map((name) => name.trim().toLowerCase()).find((name) => columns.has(name));
  if (found !== undefined) return found;
  const [few, more] = [[...columns].slice(0, 20), columns.size > 20 ? ", ..." : ""];
  const there = `${few.join(", ")}${more}. Name it by ${option}`;
  throw new RocError(
    "DATA_INVALID",
    `${file} has no column for ${what}: looked for ${names.join(", ")}; found ${there}.`,
  );
}
