/** Another system's predictions, matched with a data set's samples. */
import { basename, extname } from "node:path";
import { attributeScale, type LoadedDataset, type Sample, type ScoreScale } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { toScale } from "../../roc/vocabulary.js";
import * as cells from "./cells.js";
import { readRows } from "./file.js";
import { ratedOf, SCORE, type Prediction } from "./prediction.js";

/** Names that a column with the overall prediction may have, the first that is there counting. */
const SCORE_COLUMNS = ["predicted_score", "predicted", "prediction", "pred", "score"];
const ID_COLUMNS = ["id", "image", "image_id", "filename", "file", "name"];

export interface SystemPredictions {
  /** One a sample, in the samples' order; those the file says nothing of have an error. */
  readonly predictions: readonly Prediction[];
  /** Rows of the file that belong to no sample. */
  readonly unmatched: number;
}

type Scales = Pick<LoadedDataset, "scale" | "attributeScales" | "name">;

/**
 * Reads a file of predictions (CSV, JSON Lines, Parquet): a column that names the picture (its id, path or file name),
 * and one with the score; `predicted_NAME`, or an object `attributes`, for attributes; where they are there, `std`,
 * `distribution` (both also as `predicted_...`), `comment` and `error`. Values are on the data set's scales, or on that
 * of the row's `scale`, as `roc4mllm score --json` writes it.
 *
 * @throws RocError FILE_NOT_FOUND; DATA_INVALID where a column is missing, a cell is not of its form, a name fits several
 *   pictures, or a picture stands twice
 */
export async function readSystem(file: string, data: Scales, samples: readonly Sample[]): Promise<SystemPredictions> {
  const rows = await readRows(file);
  if (rows.length === 0) throw new RocError("DATA_INVALID", `${file} holds no row.`);
  const columns = new Set(rows.flatMap((row) => [...row.keys()]));
  const idColumn = columnOf(columns, ID_COLUMNS, file, "the picture");
  const scoreColumn = columnOf(columns, SCORE_COLUMNS, file, "the prediction");
  const { found, unmatched } = match(rows, idColumn, file, samples);
  const reader = { file, data, scoreColumn };
  return { predictions: samples.map((sample) => predictionOf(sample, found.get(sample.id), reader)), unmatched };
}

/** Rows by the id of their sample. */
function match(
  rows: readonly cells.Row[],
  idColumn: string,
  file: string,
  samples: readonly Sample[],
): { found: Map<string, cells.Row>; unmatched: number } {
  const known = namesOf(samples);
  const found = new Map<string, cells.Row>();
  let unmatched = 0;
  rows.forEach((row, index) => {
    const name = cells.cellText(row.get(idColumn));
    const [id, other] = known.get(name) ?? known.get(basename(name)) ?? known.get(stem(name)) ?? [];
    const fault = (text: string): RocError =>
      new RocError("DATA_INVALID", `${file}, row ${index + 1}: ${name} ${text}`);
    if (other !== undefined) throw fault(`may be ${id} or ${other}; name pictures by the data set's ids.`);
    if (id === undefined) unmatched += 1;
    else if (found.has(id)) throw fault("stands there twice.");
    else found.set(id, row);
  });
  return { found, unmatched };
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
}

function predictionOf(sample: Sample, row: cells.Row | undefined, reader: Reader): Prediction {
  const { file, data } = reader;
  const rated = ratedOf(sample);
  const missing = { code: "MISSING", message: `${file} has no score for it` };
  if (!row) return { ...rated, predicted: { [SCORE]: null }, std: null, distribution: null, error: missing };
  const where = (what: string): string => `${file}: ${what} of ${sample.id}`;
  const own = cells.cellScale(row.get("scale"), where("scale"));
  const predicted = valuesOf(row, own, Object.keys(rated.truth), reader, where);
  const std = cells.cellNumber(row.get("predicted_std") ?? row.get("std"), where("std"));
  const weights = row.get("predicted_distribution") ?? row.get("distribution");
  const stretch = own === null ? 1 : (data.scale.max - data.scale.min) / (own.max - own.min);
  const comment = cells.cellText(row.get("comment"));
  return {
    ...rated,
    predicted,
    std: std === null ? null : std * stretch,
    distribution: cells.cellNumbers(weights, where("distribution")),
    ...(comment !== "" && { comment }),
    ...(predicted[SCORE] === null && { error: cells.cellError(row.get("error")) ?? missing }),
  };
}

/** The values of a row by name, on the data set's scales. */
function valuesOf(
  row: cells.Row,
  own: ScoreScale | null,
  names: readonly string[],
  { data, scoreColumn }: Reader,
  where: (what: string) => string,
): Record<string, number | null> {
  const attributes = cells.cellRecord(row.get("attributes"), where("attributes")) ?? {};
  const values = names.map((name) => {
    const cell =
      name === SCORE ? row.get(scoreColumn) : (row.get(`predicted_${name.toLowerCase()}`) ?? attributes[name]);
    const value = cells.cellNumber(cell, where(name));
    const target = name === SCORE ? data.scale : attributeScale(data, name);
    return [name, value === null || own === null ? value : toScale(value, own, target)] as const;
  });
  return Object.fromEntries(values);
}

function stem(path: string): string {
  return basename(path, extname(path));
}

function columnOf(columns: ReadonlySet<string>, names: readonly string[], file: string, what: string): string {
  const found = names.find((name) => columns.has(name));
  if (found !== undefined) return found;
  const there = [...columns].join(", ");
  throw new RocError(
    "DATA_INVALID",
    `${file} has no column for ${what}: looked for ${names.join(", ")}; found ${there}.`,
  );
}
