/** What callers may hand to `score()`, brought to one form. */
import { Readable } from "node:stream";
import { RocError } from "../errors.js";
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
    yield named(input, position);
  }
}

/** How many inputs there are, where that is known before they are read. */
export function countInputs(inputs: ScoreInputs): number | undefined {
  if (isOne(inputs)) return 1;
  return Array.isArray(inputs) ? inputs.length : undefined;
}

function named(input: ScoreInput, position: number): NamedInput {
  if (typeof input === "string") return { name: input, data: input };
  if (isData(input)) return { name: `input ${position}`, data: input };
  if (isScoreInput(input)) return input;
  const expected = "a path, the bytes of an image file, a stream of them, or { name, data }";
  throw new RocError("USAGE", `score(): input ${position} is ${kindOf(input)}; give ${expected}`);
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

function isData(value: unknown): value is ImageInput {
  if (typeof value === "string" || value instanceof Uint8Array) return true;
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
