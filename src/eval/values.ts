/** Fields of a table of predictions: text of a CSV file, any value of JSON Lines and Parquet. */
import { z } from "zod";
import type { ScoreScale } from "../data/index.js";
import { parseNumber } from "../data/numbers.js";
import { RocError } from "../errors.js";

/** A row of a table: fields by column name, in lower case. */
export type Row = ReadonlyMap<string, unknown>;

const scaleSchema = z.object({ min: z.number(), max: z.number() }).refine(({ min, max }) => min < max);
const errorSchema = z.object({ code: z.string(), message: z.string() });

export function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? String(value) : "";
}

/** Empty text, null and NaN are no number. @throws RocError DATA_INVALID for what is none either, as "good" */
export function numberOf(value: unknown, where: string): number | null {
  const text = textOf(value).trim();
  if (text === "" || /^(nan|null|none|na|n\/a|-)$/i.test(text)) return null;
  const number = parseNumber(text);
  if (number !== undefined && Number.isFinite(number)) return number;
  throw new RocError("DATA_INVALID", `${where} is ${JSON.stringify(text)}, no number.`);
}

/** A list of numbers, as such or as JSON; null where it is empty. @throws RocError DATA_INVALID */
export function numbersOf(value: unknown, where: string): number[] | null {
  return parsedOf(z.array(z.number()), value, where, "a list of numbers like [0.1, 0.9]");
}

/** A list of texts, as such or as JSON; null where it is empty. @throws RocError DATA_INVALID */
export function textsOf(value: unknown, where: string): string[] | null {
  return parsedOf(z.array(z.string()), value, where, 'a list of texts like ["sharp"]');
}

/** `{min, max}`, as such or as JSON; null where it is empty. @throws RocError DATA_INVALID */
export function scaleOf(value: unknown, where: string): ScoreScale | null {
  return parsedOf(scaleSchema, value, where, 'a scale like {"min": 1, "max": 10}');
}

/** Values by name; null where it is empty. @throws RocError DATA_INVALID */
export function recordOf(value: unknown, where: string): Record<string, unknown> | null {
  return parsedOf(z.record(z.string(), z.unknown()), value, where, 'values by name like {"light": 4}');
}

/** Why a row has no prediction: `CODE: message`, or an object of the two. */
export function errorOf(value: unknown): { code: string; message: string } | undefined {
  const parsed = errorSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const text = textOf(value);
  if (text === "") return undefined;
  const [, code = "ERROR", message = text] = /^([A-Z][A-Z_]*): ([\s\S]*)$/.exec(text) ?? [];
  return { code, message };
}

function parsedOf<T>(schema: z.ZodType<T>, value: unknown, where: string, form: string): T | null {
  if (value === undefined || value === null || value === "") return null;
  const parsed = schema.safeParse(typeof value === "string" ? parseJson(value) : value);
  if (parsed.success) return parsed.data;
  throw new RocError("DATA_INVALID", `${where} is ${JSON.stringify(value)}; write ${form}, or leave it empty.`);
}

/** undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
