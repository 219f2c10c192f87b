/** Predictions files: JSON Lines while a run goes on, so that a kill loses at most a line; CSV or Parquet at its end. */
import { readFile, rename, truncate, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { parquetReadObjects } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { z } from "zod";
import { messageOf, RocError } from "../../errors.js";
import { SCORE, type Prediction } from "./prediction.js";

const numbers = z.record(z.string(), z.number());
const schema = z.object({
  id: z.string(),
  image: z.string(),
  split: z.enum(["train", "validation", "test"]),
  theme: z.string().optional(),
  truth: numbers,
  predicted: z.record(z.string(), z.number().nullable()),
  std: z.number().nullable(),
  distribution: z.array(z.number()).nullable(),
  votes: z.array(z.number()).optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});

/** A line of the file of a running evaluation. */
export function predictionLine(prediction: Prediction): string {
  return `${JSON.stringify(prediction)}\n`;
}

/**
 * The predictions of an interrupted run. A last line that was cut off is removed from the file.
 *
 * @throws RocError DATA_INVALID naming the line that is none of ours
 */
export async function readPartial(file: string): Promise<Prediction[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole.length < text.length) await truncate(file, Buffer.byteLength(whole));
  return whole
    .split("\n")
    .slice(0, -1)
    .map((line, index) => {
      const parsed = schema.safeParse(parseJson(line));
      if (parsed.success) return parsed.data;
      const remedy = "Give another --out, or --fresh to begin again.";
      throw new RocError("DATA_INVALID", `${file}, line ${index + 1} is no prediction of an evaluation. ${remedy}`);
    });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Columns of the table: the row's own, then `NAME` and `predicted_NAME` of every score, the overall one first. */
function tableOf(predictions: readonly Prediction[]): { columns: string[]; rows: Record<string, unknown>[] } {
  const names = [
    ...new Set(predictions.flatMap(({ truth, predicted }) => [...Object.keys(truth), ...Object.keys(predicted)])),
  ];
  const scores = [SCORE, ...names.filter((name) => name !== SCORE)];
  const columns = [
    ...["id", "image", "split", "theme"],
    ...scores.flatMap((name) => [name, `predicted_${name}`]),
    ...["predicted_std", "predicted_distribution", "error"],
  ];
  const rows = predictions.map(({ id, image, split, theme, truth, predicted, std, distribution, error }) => ({
    ...{ id, image, split, theme: theme ?? null },
    ...Object.fromEntries(
      scores.flatMap((name) => [
        [name, truth[name] ?? null],
        [`predicted_${name}`, predicted[name] ?? null],
      ]),
    ),
    predicted_std: std,
    predicted_distribution: distribution && JSON.stringify(distribution),
    error: error ? `${error.code}: ${error.message}` : null,
  }));
  return { columns, rows };
}

const TEXT_COLUMNS = new Set(["id", "image", "split", "theme", "predicted_distribution", "error"]);

/**
 * Writes the finished table: Parquet where the name ends in `.parquet`, else CSV.
 * Goes through a file aside, so that the old one or the new one is there, whatever happens.
 */
export async function writeTable(file: string, predictions: readonly Prediction[]): Promise<void> {
  const { columns, rows } = tableOf(predictions);
  const aside = `${file}.tmp`;
  if (extname(file) === ".parquet") {
    const columnData = columns.map((name) => ({
      name,
      data: rows.map((row) => row[name] ?? null),
      type: TEXT_COLUMNS.has(name) ? ("STRING" as const) : ("DOUBLE" as const),
      nullable: true,
    }));
    await writeFile(aside, new Uint8Array(parquetWriteBuffer({ columnData })));
  } else {
    await writeFile(aside, stringify(rows, { header: true, columns, cast: { number: String } }));
  }
  await rename(aside, file);
}

/** A row of another system's table: cells by column name, in lower case. */
export type SystemRow = ReadonlyMap<string, unknown>;

/**
 * Reads another system's predictions: CSV, JSON Lines or Parquet by the name's ending.
 *
 * @throws RocError FILE_NOT_FOUND, DATA_INVALID naming the file
 */
export async function readSystemRows(file: string): Promise<SystemRow[]> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new RocError("FILE_NOT_FOUND", `${file} cannot be read; check the path.`, { cause });
  });
  try {
    return (await recordsOf(file, bytes)).map(
      (record) => new Map(Object.entries(record).map(([name, cell]) => [name.trim().toLowerCase(), cell])),
    );
  } catch (cause) {
    if (cause instanceof RocError) throw cause;
    const forms = "a CSV file with a header, JSON Lines (.jsonl) or Parquet (.parquet)";
    throw new RocError("DATA_INVALID", `${file} is not ${forms}: ${messageOf(cause)}`, { cause });
  }
}

async function recordsOf(file: string, bytes: Buffer): Promise<object[]> {
  const records = z.array(z.record(z.string(), z.unknown()));
  switch (extname(file)) {
    case ".parquet": {
      const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
      return records.parse(await parquetReadObjects({ file: buffer }));
    }
    case ".jsonl":
    case ".ndjson":
    case ".json":
      return bytes
        .toString("utf8")
        .split("\n")
        .flatMap((line, index) => {
          if (line.trim() === "") return [];
          const parsed = z.record(z.string(), z.unknown()).safeParse(parseJson(line));
          if (parsed.success) return [parsed.data];
          throw new RocError("DATA_INVALID", `${file}, line ${index + 1} is no JSON object.`);
        });
    default:
      return records.parse(parse(bytes, { columns: true, bom: true, skip_empty_lines: true, trim: true }));
  }
}
