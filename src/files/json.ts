/** JSON files, checked against a schema. */
import { z } from "zod";
import { messageOf, RocError, type ErrorCode } from "../errors.js";
import { readText, type ReadOptions } from "./read.js";

export interface JsonOptions extends ReadOptions {
  /** The error code where the file is not JSON or does not match the schema. Default CONFIG_INVALID. */
  readonly invalid?: ErrorCode | undefined;
}

const REMEDY = "Fetch or write the file again.";

/**
 * The parsed content of a JSON file.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; `invalid` where it is not JSON
 */
export async function readJson(file: string, options: JsonOptions = {}): Promise<unknown> {
  return parseJson(await readText(file, options), file, options);
}

/** The parsed value of a JSON text. @param file names the text in the error @throws RocError `invalid` */
export function parseJson(text: string, file: string, options: JsonOptions = {}): unknown {
  const { invalid = "CONFIG_INVALID", remedy = REMEDY } = options;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new RocError(invalid, `${file} is not JSON: ${messageOf(cause)}. ${remedy}`, { cause });
  }
}

/**
 * The content of a JSON file, parsed by a schema.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; `invalid` naming the first invalid field
 */
export async function readJsonAs<T extends z.ZodType>(
  file: string,
  schema: T,
  options: JsonOptions = {},
): Promise<z.infer<T>> {
  return checkJson(await readJson(file, options), schema, file, options);
}

/** A JSON value as a schema returns it. @param file names it in the error @throws RocError `invalid` naming the field */
export function checkJson<T extends z.ZodType>(
  value: unknown,
  schema: T,
  file: string,
  options: JsonOptions = {},
): z.infer<T> {
  const { invalid = "CONFIG_INVALID", remedy = REMEDY } = options;
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const field = issue?.path.map(String).join(".");
  throw new RocError(invalid, `${file}: ${field ? `field ${field}` : "the file"}: ${issue?.message}. ${remedy}`);
}
