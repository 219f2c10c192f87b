/** What callers may hand to `score()`, brought to one form. */
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { messageOf, RocError, beginning } from "../errors.js";
import type { ImageInput } from "../image/index.js";
import type { ScoreInput, ScoreInputs } from "./types.js";

export interface NamedInput {
  readonly name: string;
  readonly data: ImageInput;
}

/** The inputs one by one, named. */
export async function* namedInputs(inputs: ScoreInputs): AsyncGenerator<NamedInput, void, void> {
  let position = 0;
  for await (const input of isOne(inputs) ? [inputs] : checkIterable(inputs)) {
    position += 1;
    yield namedInput(input, "score()", position);
  }
}

/** How many inputs there are, where that is known before they are read. */
export function countInputs(inputs: ScoreInputs): number | undefined {
  if (isOne(inputs)) return 1;
  return Array.isArray(inputs) ? inputs.length : undefined;
}

/**
 * @param caller for messages, as "score()"
 * @param position among the inputs, from 1
 * @throws RocError USAGE for what is no {@link ScoreInput}
 */
export function namedInput(input: ScoreInput, caller: string, position = 1): NamedInput {
  if (typeof input === "string") return { name: input, data: input };
  if (input instanceof URL) return namedInput(pathOf(input, caller), caller, position);
  if (isData(input)) return { name: `input ${position}`, data: input };
  if (isScoreInput(input)) {
    const { name, data } = input;
    return { name, data: data instanceof URL ? pathOf(data, caller) : data };
  }
  const expected = "a path, a file: URL, the bytes of an image file, a stream of them, or { name, data }";
  throw new RocError("USAGE", `${caller}: input ${position} is ${kindOf(input)}; give ${expected}`);
}

/**
 * The path that a URL stands for. Nothing is fetched here: a caller that wants a picture of the web passes its bytes.
 *
 * @param caller for the message, as "score()"
 * @throws RocError USAGE for all but `file:` URLs of this machine
 */
export function pathOf(url: URL, caller: string): string {
  const name = `${caller}: ${beginning(url.href, 200)}`;
  if (url.protocol !== "file:") {
    const remedy = "fetch it yourself and give its bytes, or a path";
    throw new RocError("USAGE", `${name} is no file: URL, and nothing is fetched here; ${remedy}`);
  }
  try {
    return fileURLToPath(url);
  } catch (error) {
    throw new RocError("USAGE", `${name} names no file of this machine: ${messageOf(error)}`, { cause: error });
  }
}

/** Whether these are one picture: strings, bytes and streams are iterable too. A stream of objects gives pictures. */
function isOne(inputs: ScoreInputs): inputs is ScoreInput {
  return isScoreInput(inputs) && !(inputs instanceof Readable && inputs.readableObjectMode);
}

function isScoreInput(value: unknown): value is ScoreInput {
  if (isData(value)) return true;
  if (typeof value !== "object" || value === null || !("name" in value && "data" in value)) return false;
  return typeof value.name === "string" && isData(value.data);
}

function isData(value: unknown): value is ImageInput | URL {
  if (typeof value === "string" || value instanceof URL || value instanceof Uint8Array) return true;
  return value instanceof Readable || value instanceof ReadableStream;
}

function checkIterable(
  inputs: Iterable<ScoreInput> | AsyncIterable<ScoreInput>,
): Iterable<ScoreInput> | AsyncIterable<ScoreInput> {
  const value: unknown = inputs;
  if (typeof value === "object" && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)) {
    return inputs;
  }
  throw new RocError("USAGE", `score(): the inputs are ${kindOf(inputs)}; give a picture or an iterable of pictures`);
}

function kindOf(value: unknown): string {
  return value === null
    ? "null"
    : typeof value === "object"
      ? `a ${value.constructor?.name ?? "object"}`
      : `a ${typeof value}`;
}
