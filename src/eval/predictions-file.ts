/** Predictions files: JSON Lines during a run, so that a kill loses at most a line; CSV or Parquet at its end. */
import { extname } from "node:path";
import { stringify } from "csv-stringify/sync";
import { parquetWriteBuffer } from "hyparquet-writer";
import { z } from "zod";
import { RocError } from "../errors.js";
import { atomicWriteFile, readJournal, stampSchema, type Stamp } from "../files/index.js";
import * as fields from "./values.js";
import { SCORE, type Prediction } from "./prediction.js";
import { readRows } from "./rows.js";

const numbers = z.record(z.string(), z.number());
const splits = z.enum(["train", "validation", "test"]);
const schema = z.object({
  id: z.string(),
  image: z.string(),
  split: splits,
  theme: z.string().optional(),
  set: z.string().optional(),
  truth: numbers,
  votes: z.array(z.number()).optional(),
  references: z.array(z.string()).optional(),
  predicted: z.record(z.string(), z.number().nullable()),
  std: z.number().nullable(),
  distribution: z.array(z.number()).nullable(),
  comment: z.string().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});

/** A prediction as a running evaluation keeps it: with what its picture was like. */
export const keptSchema = schema.extend({ picture: stampSchema.optional() });
export type KeptPrediction = Prediction & { readonly picture?: Stamp | undefined };

/**
 * The predictions that {@link predict} kept in a file, one a picture. A last line that was cut off is none.
 *
 * @throws RocError DATA_INVALID naming the line that is none of ours
 */
export async function readKept(file: string): Promise<Prediction[]> {
  const remedy = "Take the file away, and begin again.";
  const rows = await readJournal<KeptPrediction>(file, { entry: keptSchema, remedy });
  return [...new Map(rows.map(({ picture: _, ...row }) => [row.id, row])).values()];
}

/** Columns that are there only where a picture has a value for them. */
const OPTIONAL_COLUMNS = ["set", "votes", "comment", "references"] as const;
const TEXT_COLUMNS: ReadonlySet<string> = new Set(
  ["id", "image", "split", "theme", "predicted_distribution", "error"].concat(OPTIONAL_COLUMNS),
);

/** Columns of the table: the row's own, then `NAME` and `predicted_NAME` of every score, the overall one first. */
function tableOf(predictions: readonly Prediction[]): { columns: string[]; rows: Record<string, unknown>[] } {
  const names = [
    ...new Set(predictions.flatMap(({ truth, predicted }) => [...Object.keys(truth), ...Object.keys(predicted)])),
  ];
  const scores = [SCORE, ...names.filter((name) => name !== SCORE)];
  const columns = [
    ...["id", "image", "split", "theme"],
    ...scores.flatMap((name) => [name, `predicted_${name}`]),
    ...["predicted_std", "predicted_distribution"],
    ...OPTIONAL_COLUMNS.filter((name) => predictions.some((prediction) => prediction[name] !== undefined)),
    "error",
  ];
  return { columns, rows: predictions.map((prediction) => rowOf(prediction, scores)) };
}

function rowOf(prediction: Prediction, scores: readonly string[]): Record<string, unknown> {
  const { id, image, split, theme, set, truth, predicted, std, distribution, votes, comment, references, error } =
    prediction;
  const values = scores.flatMap((name) => [
    [name, truth[name] ?? null] as const,
    [`predicted_${name}`, predicted[name] ?? null] as const,
  ]);
  return {
    ...{ id, image, split, theme: theme ?? null },
    ...Object.fromEntries(values),
    predicted_std: std,
    predicted_distribution: distribution && JSON.stringify(distribution),
    set: set ?? null,
    votes: votes ? JSON.stringify(votes) : null,
    comment: comment ?? null,
    references: references ? JSON.stringify(references) : null,
    error: error ? `${error.code}: ${error.message}` : null,
  };
}

/**
 * Writes the finished table: Parquet where the name ends in `.parquet`, else CSV.
 * Whatever happens, the old table or the new one is there.
 *
 * @throws RocError FILE_UNWRITABLE
 */
export async function writeTable(file: string, predictions: readonly Prediction[]): Promise<void> {
  const table = tableOf(predictions);
  await atomicWriteFile(file, extname(file) === ".parquet" ? parquetOf(table) : csvOf(table));
}

type Table = ReturnType<typeof tableOf>;

function parquetOf({ columns, rows }: Table): Uint8Array {
  const columnData = columns.map((name) => ({
    name,
    data: rows.map((row) => row[name] ?? null),
    type: TEXT_COLUMNS.has(name) ? ("STRING" as const) : ("DOUBLE" as const),
    nullable: true,
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

function csvOf({ columns, rows }: Table): string {
  return stringify(rows, { header: true, columns, quoted_match: /[\r\n]/, cast: { number: String } });
}

/**
 * Reads a table that {@link writeTable} wrote.
 *
 * @throws RocError FILE_NOT_FOUND; DATA_INVALID naming file, row and column
 */
export async function readTable(file: string): Promise<Prediction[]> {
  const rows = await readRows(file, (name) => name);
  return rows.map((row, index) => {
    const where = (column: string): string => `${file}, row ${index + 1}: ${column}`;
    const split = splits.safeParse(row.get("split"));
    if (!split.success || !row.has("predicted_score")) {
      throw new RocError("DATA_INVALID", `${where("split")} is missing: this is no table of roc4mllm eval.`);
    }
    return predictionOf(row, split.data, where);
  });
}

function predictionOf(row: fields.Row, split: Prediction["split"], where: (column: string) => string): Prediction {
  const text = (name: string): string => fields.textOf(row.get(name));
  const names = [...row.keys()].filter((name) => row.has(`predicted_${name}`));
  const [votes, references] = [fields.numbersOf(row.get("votes"), where("votes")), row.get("references")];
  const truths = names.map((name) => [name, fields.numberOf(row.get(name), where(name))] as const);
  const error = fields.errorOf(row.get("error"));
  const predicted = names
    .map((name) => [name, fields.numberOf(row.get(`predicted_${name}`), where(`predicted_${name}`))] as const)
    // A picture that failed has no attributes to speak of.
    .filter(([name, value]) => error === undefined || value !== null || name === SCORE);
  return {
    id: text("id"),
    image: text("image"),
    split,
    ...(text("theme") !== "" && { theme: text("theme") }),
    ...(text("set") !== "" && { set: text("set") }),
    truth: Object.fromEntries(truths.flatMap(([name, value]) => (value === null ? [] : [[name, value]]))),
    ...(votes && { votes }),
    ...(references ? { references: fields.textsOf(references, where("references")) ?? [] } : {}),
    predicted: Object.fromEntries(predicted),
    std: fields.numberOf(row.get("predicted_std"), where("predicted_std")),
    distribution: fields.numbersOf(row.get("predicted_distribution"), where("predicted_distribution")),
    ...(text("comment") !== "" && { comment: text("comment") }),
    ...(error && { error }),
  };
}
