/** Another system's predictions, matched with a data set's samples. */
import { basename, extname } from "node:path";
import type { Sample } from "../../data/index.js";
import { RocError } from "../../errors.js";
import { readSystemRows, type SystemRow } from "./file.js";
import { SCORE, truthOf, type Prediction } from "./prediction.js";

/** Names that a column with the overall prediction may have, the first that is there counting. */
const SCORE_COLUMNS = ["predicted_score", "predicted", "prediction", "pred", "score"];
const ID_COLUMNS = ["id", "image", "image_id", "filename", "file", "name"];

export interface SystemPredictions {
  /** One a sample, in the samples' order; those the file says nothing of have an error. */
  readonly predictions: readonly Prediction[];
  /** Rows of the file that belong to no sample. */
  readonly unmatched: number;
}

/**
 * Reads a file of predictions (CSV, JSON Lines, Parquet): a column that names the picture (its id, path or file name),
 * and one with the score, on the data set's scale; `predicted_NAME` for attributes.
 *
 * @throws RocError FILE_NOT_FOUND; DATA_INVALID where a column is missing, a cell is no number, or a picture stands twice
 */
export async function readSystem(file: string, samples: readonly Sample[]): Promise<SystemPredictions> {
  const rows = await readSystemRows(file);
  const [first] = rows;
  if (!first) throw new RocError("DATA_INVALID", `${file} holds no row.`);
  const idColumn = columnOf(first, ID_COLUMNS, file, "the picture");
  const scoreColumn = columnOf(first, SCORE_COLUMNS, file, "the prediction");
  const known = new Map(samples.flatMap((sample) => keysOf(sample).map((key) => [key, sample.id] as const)));
  const found = new Map<string, SystemRow>();
  let unmatched = 0;
  rows.forEach((row, index) => {
    const name = cellText(row.get(idColumn));
    const id = known.get(name) ?? known.get(basename(name)) ?? known.get(stem(name));
    if (id === undefined) unmatched += 1;
    else if (found.has(id))
      throw new RocError("DATA_INVALID", `${file}, row ${index + 1}: ${name} stands there twice.`);
    else found.set(id, row);
  });
  return {
    predictions: samples.map((sample) => predictionOf(sample, found.get(sample.id), scoreColumn, file)),
    unmatched,
  };
}

function predictionOf(sample: Sample, row: SystemRow | undefined, scoreColumn: string, file: string): Prediction {
  const { id, image, split, theme, votes } = sample;
  const truth = truthOf(sample);
  const predicted = Object.fromEntries(
    Object.keys(truth).map((name) => {
      const cell = row?.get(name === SCORE ? scoreColumn : `predicted_${name.toLowerCase()}`);
      return [name, cellNumber(cell, `${file}: ${name} of ${id}`)];
    }),
  );
  const std = cellNumber(row?.get("predicted_std"), `${file}: predicted_std of ${id}`);
  const lacking =
    typeof predicted[SCORE] === "number" ? undefined : { code: "MISSING", message: `${file} has no score for it` };
  return {
    id,
    image,
    split,
    theme,
    truth,
    predicted,
    std,
    distribution: null,
    votes,
    ...(lacking && { error: lacking }),
  };
}

function keysOf({ id, image }: Sample): string[] {
  return [stem(image), basename(image), image, id];
}

function stem(path: string): string {
  return basename(path, extname(path));
}

function columnOf(row: SystemRow, names: readonly string[], file: string, what: string): string {
  const found = names.find((name) => row.has(name));
  if (found !== undefined) return found;
  const columns = [...row.keys()].join(", ");
  throw new RocError(
    "DATA_INVALID",
    `${file} has no column for ${what}: looked for ${names.join(", ")}; found ${columns}.`,
  );
}

function cellText(cell: unknown): string {
  return typeof cell === "string" || typeof cell === "number" || typeof cell === "bigint" ? String(cell) : "";
}

/** Empty cells, null and NaN are no prediction. */
function cellNumber(cell: unknown, where: string): number | null {
  const text = cellText(cell).trim();
  if (text === "" || /^(nan|null|none|na)$/i.test(text)) return null;
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  throw new RocError("DATA_INVALID", `${where} is ${JSON.stringify(text)}, no number.`);
}
