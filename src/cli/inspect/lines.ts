/** JSON from standard input, value by value as it comes. */
import type { Readable } from "node:stream";
import { addAbortSignal } from "node:stream";
import { z } from "zod";
import { RocError, messageOf } from "../../errors.js";
import type { Context } from "../shared/io.js";

/** One value and the line that it starts on, from 1. */
export interface JsonLine {
  readonly line: number;
  readonly value: unknown;
}

/** Lines without their ends. (`readline` would also cut at U+2028, which may occur raw in a JSON string.) */
async function* linesOf(stream: Readable): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream as AsyncIterable<string | Uint8Array>) {
    const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const [first = "", ...others] = text.split("\n");
    rest += first;
    for (const next of others) {
      yield rest;
      rest = next;
    }
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}

/** The error for a line of standard input. */
export function badLine(line: number, what: string): RocError {
  return new RocError("USAGE", `Standard input, line ${line}: ${what}`);
}

function parse(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badLine(line, `not JSON (${messageOf(error)}). Put one JSON value per line.`);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * JSON Lines: one value per line; empty lines are skipped. Each value is yielded as soon as its line has ended.
 *
 * @param multiline also takes one value that is spread over several lines, as pretty-printers write it
 * @throws RocError USAGE at the first line that is not JSON; whatever aborted `signal`
 */
export async function* jsonLines(
  { io, signal }: Context,
  { multiline = false }: { multiline?: boolean } = {},
): AsyncGenerator<JsonLine> {
  const lines = linesOf(addAbortSignal(signal, io.stdin));
  let line = 0;
  let values = 0;
  for await (const text of lines) {
    line++;
    if (text.trim() === "") continue;
    if (multiline && values === 0 && !isJson(text)) {
      const all = [text];
      for await (const more of lines) all.push(more);
      yield { line, value: parse(all.join("\n"), line) };
      return;
    }
    values++;
    yield { line, value: parse(text, line) };
  }
}

/** A line's value as `schema` says. @throws RocError USAGE that names the line and the field */
export function validated<T>(schema: z.ZodType<T>, { line, value }: JsonLine): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw badLine(line, z.prettifyError(parsed.error).replaceAll("\n", " "));
}

/** What `compute` makes of a line, its USAGE errors naming the line. */
export function atLine<T>(line: number, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (error instanceof RocError && error.code === "USAGE") throw badLine(line, error.message);
    throw error;
  }
}
