/** Cells of a table of predictions: text of a CSV file, values of JSON Lines and Parquet. */
import { z } from "zod";
import type { ScoreScale } from "../data/index.js";
import { parseNumber } from "../data/numbers.js";
import { RocError } from "../errors.js";

/** A row of a table: cells by column name, in lower case. */
export type Row = ReadonlyMap<string, unknown>;

const scaleSchema = z.object({ min: z.number(), max: z.number() }).refine(({ min, max }) => min < max);
const errorSchema = z.object({ code: z.string(), message: z.string() });

export function cellText(cell: unknown): string {
  return typeof cell === "string" || typeof cell === "number" || typeof cell === "bigint" ? String(cell) : "";
}

/** Empty cells, null and NaN are no number. @throws RocError DATA_INVALID for what is none either, as "good" */
export function cellNumber(cell: unknown, where: string): number | null {
  const text = cellText(cell).trim();
  if (text === "" || /^(nan|null|none|na|n\/a|-)$/i.test(text)) return null;
  const value = parseNumber(text);
  if (value !== undefined && Number.isFinite(value)) return value;
  throw new RocError("DATA_INVALID", `${where} is ${JSON.stringify(text)}, no number.`);
}

/** A list of numbers, as such or as JSON; null where the cell is empty. @throws RocError DATA_INVALID */
export function cellNumbers(cell: unknown, where: string): number[] | null {
  return cellOf(z.array(z.number()), cell, where, "a list of numbers like [0.1, 0.9]");
}

/** A list of texts, as such or as JSON; null where the cell is empty. @throws RocError DATA_INVALID */
export function cellTexts(cell: unknown, where: string): string[] | null {
  return cellOf(z.array(z.string()), cell, where, 'a list of texts like ["sharp"]');
}

/** `{min, max}`, as such or as JSON; null where the cell is empty. @throws RocError DATA_INVALID */
export function cellScale(cell: unknown, where: string): ScoreScale | null {
  return cellOf(scaleSchema, cell, where, 'a scale like {"min": 1, "max": 10}');
}

/** Values by name; null where the cell is empty. @throws RocError DATA_INVALID */
export function cellRecord(cell: unknown, where: string): Record<string, unknown> | null {
  return cellOf(z.record(z.string(), z.unknown()), cell, where, 'values by name like {"light": 4}');
}

/** Why a row has no prediction: `CODE: message`, or an object of the two. */
export function cellError(cell: unknown): { code: string; message: string } | undefined {
  const parsed = errorSchema.safeParse(cell);
  if (parsed.success) return parsed.data;
  const text = cellText(cell);
  if (text === "") return undefined;
  const [, code = "ERROR", message = text] = /^([A-Z][A-Z_]*): ([\s\S]*)$/.exec(text) ?? [];
  return { code, message };
}

function cellOf<T>(schema: z.ZodType<T>, cell: unknown, where: string, form: string): T | null {
  if (cell === undefined || cell === null || cell === "") return null;
  const parsed = schema.safeParse(typeof cell === "string" ? parseJson(cell) : cell);
  if (parsed.success) return parsed.data;
  throw new RocError("DATA_INVALID", `${where} is ${JSON.stringify(cell)}; write ${form}, or leave it empty.`);
}

/** undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
