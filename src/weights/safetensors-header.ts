/**
 * The header of an untrusted safetensors file: u64 length, JSON of names to dtype, shape and byte range, then
 * the data, without holes or overlaps to the end of the file (github.com/huggingface/safetensors, README "Format").
 */
import { messageOf, RocError } from "../errors.js";
import { DTYPES, type DType } from "../torch/index.js";
import { quantised } from "./quantised.js";

/** Bytes of the length prefix. */
export const LENGTH_BYTES = 8;

/** The reference reader's limit, so that an invalid length cannot exhaust memory. */
const MAX_HEADER_BYTES = 100_000_000;

/** safetensors' names of the dtypes that libtorch and this project share. */
export const DTYPE_NAMES = {
  F64: "float64",
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
  I64: "int64",
  I32: "int32",
  I16: "int16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
} as const satisfies Record<string, DType>;

/** Dtypes of 8 bits or fewer, which only quantised weights have. */
const QUANTISED = /^(F[468]|I4|U4|I2|U2)(_|$)/;

/** The position of a tensor in its file. */
export interface TensorEntry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Of the first byte, from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export interface Header {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** `__metadata__` */
  readonly metadata: Readonly<Record<string, string>>;
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject && Object.values(value).every((text) => typeof text === "string");
}

/** The header's length, from a file's first 8 bytes. @throws RocError CHECKPOINT_INVALID where the file cannot hold it */
export function headerLength(file: string, first: Uint8Array, fileBytes: number): number {
  if (first.length < LENGTH_BYTES) throw invalid(file, `it has ${first.length} bytes, too few for a safetensors file`);
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) throw invalid(file, `its header claims ${length} bytes, over the limit`);
  if (Number(length) + LENGTH_BYTES > fileBytes) {
    throw invalid(file, `its header claims ${length} bytes, the whole file has ${fileBytes}`);
  }
  return Number(length);
}

/** @param text the header's bytes. @throws RocError CHECKPOINT_INVALID naming file and tensor */
export function parseHeader(file: string, text: Uint8Array, fileBytes: number): Header {
  try {
    return parsedHeader(file, text, fileBytes);
  } catch (cause) {
    // Stack overflow: names of megabytes, or deeply nested objects.
    if (cause instanceof RangeError) throw invalid(file, `its header is absurd (${cause.message})`, cause);
    throw cause;
  }
}

function parsedHeader(file: string, text: Uint8Array, fileBytes: number): Header {
  const source = decode(file, text);
  const { __metadata__: metadata = {}, ...tensors } = parseObject(file, source);
  refuseDuplicates(file, source, [metadata, tensors, ...Object.values(tensors)]);
  if (!isTexts(metadata)) throw invalid(file, "its __metadata__ is not an object of texts");
  const start = LENGTH_BYTES + text.length;
  const entries = new Map(Object.entries(tensors).map(([name, value]) => [name, parseEntry(file, name, value, start)]));
  checkRanges(file, entries, start, fileBytes);
  return { entries, metadata };
}

function decode(file: string, text: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(text);
  } catch (cause) {
    throw invalid(file, "its header is not UTF-8", cause);
  }
}

function parseObject(file: string, source: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (cause) {
    throw invalid(file, `its header is not JSON (${messageOf(cause)})`, cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(file, "its header is no object");
  return { ...value };
}

/** JSON.parse retains the last of two equal names, so the names in the text are counted and compared with the parsed ones. */
function refuseDuplicates(file: string, source: string, objects: readonly unknown[]): void {
  let written = 0;
  for (const name of namesIn(source)) if (name !== "__metadata__") written++;
  const parsed = objects.reduce<number>((sum, object) => sum + Object.keys(object ?? {}).length, 0);
  if (written === parsed) return;
  const seen = new Set<string>();
  for (const name of namesIn(source)) {
    if (seen.has(name) && !FIELDS.has(name)) throw invalid(file, `"${shown(name)}" occurs twice`);
    seen.add(name);
  }
  throw invalid(file, "a field occurs twice in an entry of its header");
}

const FIELDS = new Set(["dtype", "shape", "data_offsets"]);

/** The raw texts before colons; yielded one by one, since a header may have millions. */
function* namesIn(source: string): Generator<string> {
  for (const [, name = "", colon] of source.matchAll(/"((?:[^"\\]|\\.)*)"(\s*:)?/g))
    if (colon !== undefined) yield name;
}

/** A name for a message. */
function shown(name: string): string {
  return name.length > MOST_SHOWN ? `${name.slice(0, MOST_SHOWN)}...` : name;
}
const MOST_SHOWN = 200;

/** libtorch's own limit. */
const MAX_DIMS = 64;

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The error of an entry; undefined where it is valid. */
function problemOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "is no object";
  const { dtype, shape, data_offsets, ...others } = value as Record<string, unknown>;
  const [other] = Object.keys(others);
  if (other !== undefined) return `has the unknown field "${shown(other)}"`;
  if (typeof dtype !== "string") return "field dtype: is no text";
  if (!Array.isArray(shape) || !shape.every(isSize)) return "field shape: is no list of sizes";
  if (shape.length > MAX_DIMS) return `field shape: has ${shape.length} dimensions, over the limit of ${MAX_DIMS}`;
  const isRange = Array.isArray(data_offsets) && data_offsets.length === 2 && data_offsets.every(isSize);
  return isRange ? undefined : "field data_offsets: is no pair of positions";
}

interface Entry {
  readonly dtype: string;
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

function parseEntry(file: string, name: string, value: unknown, start: number): TensorEntry {
  const what = `tensor "${shown(name)}"`;
  const problem = problemOf(value);
  if (problem !== undefined) throw invalid(file, `${what}: ${problem}`);
  const { shape, data_offsets, dtype: written } = value as Entry;
  const [from, to] = data_offsets;
  const dtype = dtypeOf(written);
  if (dtype === undefined) {
    if (QUANTISED.test(written)) throw quantised(`${file} (${what} has the dtype ${shown(written)})`);
    const known = Object.keys(DTYPE_NAMES).join(", ");
    throw invalid(file, `${what} has the dtype ${shown(written)}; known are ${known}`);
  }
  const bytes = shape.reduce((product, length) => product * length, DTYPES[dtype].bytes);
  if (to - from !== bytes) {
    const needs = `${dtype}[${shape.join(", ")}] needs ${bytes} bytes`;
    throw invalid(file, `${what}: ${needs}, its data_offsets [${from}, ${to}] hold ${to - from}`);
  }
  return { dtype, shape, offset: start + from, bytes };
}

function dtypeOf(name: string): DType | undefined {
  return Object.entries(DTYPE_NAMES).find(([key]) => key === name)?.[1];
}

function checkRanges(file: string, entries: ReadonlyMap<string, TensorEntry>, start: number, fileBytes: number): void {
  const inOrder = [...entries].sort(([, a], [, b]) => a.offset - b.offset || a.bytes - b.bytes);
  let end = start;
  for (const [name, { offset, bytes }] of inOrder) {
    if (offset + bytes > fileBytes) {
      const range = `ends at byte ${offset + bytes}, the file at ${fileBytes}`;
      throw invalid(file, `tensor "${shown(name)}" ${range}: it is truncated`);
    }
    if (offset < end) throw invalid(file, `tensor "${shown(name)}" overlaps the one before it`);
    if (offset > end) throw invalid(file, `there is a hole of ${offset - end} bytes before tensor "${shown(name)}"`);
    end = offset + bytes;
  }
  if (end !== fileBytes) throw invalid(file, `${fileBytes - end} bytes at its end belong to no tensor`);
}

function invalid(file: string, what: string, cause?: unknown): RocError {
  const message = `${file} is not a valid safetensors file: ${what}. Fetch or write the file again.`;
  return new RocError("CHECKPOINT_INVALID", message, { cause });
}
