/**
 * The header of a safetensors file, trusted in nothing: u64 length, JSON of names to dtype, shape and byte range, then
 * the data, without holes or overlaps to the end of the file (github.com/huggingface/safetensors, README "Format").
 */
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import { DTYPES, type DType } from "../torch/index.js";
import { quantised } from "./quantised.js";

/** Bytes of the length in front. */
export const LENGTH_BYTES = 8;

/** The reference reader's limit, so that a broken length cannot exhaust memory. */
export const MAX_HEADER_BYTES = 100_000_000;

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

/** Of 8 bits and fewer, which only quantised weights have. */
const QUANTISED = /^(F[468]|I4|U4|I2|U2)(_|$)/;

/** Where a tensor lies in its file. */
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

const size = z.number().int().nonnegative();
const entrySchema = z.strictObject({ dtype: z.string(), shape: z.array(size), data_offsets: z.tuple([size, size]) });
const metadataSchema = z.record(z.string(), z.string());

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
    // The stack's end: names of megabytes, or objects in objects in objects.
    if (cause instanceof RangeError) throw invalid(file, `its header is absurd (${cause.message})`, cause);
    throw cause;
  }
}

function parsedHeader(file: string, text: Uint8Array, fileBytes: number): Header {
  const source = decode(file, text);
  const { __metadata__: metadata = {}, ...tensors } = parseObject(file, source);
  refuseDuplicates(file, source, [metadata, tensors, ...Object.values(tensors)]);
  const parsed = metadataSchema.safeParse(metadata);
  if (!parsed.success) throw invalid(file, "its __metadata__ is not an object of texts");
  const start = LENGTH_BYTES + text.length;
  const entries = new Map(Object.entries(tensors).map(([name, value]) => [name, parseEntry(file, name, value, start)]));
  checkRanges(file, entries, start, fileBytes);
  return { entries, metadata: parsed.data };
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
    throw invalid(file, `its header is no JSON (${messageOf(cause)})`, cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(file, "its header is no object");
  return { ...value };
}

/** JSON.parse keeps the last of two equal names; so the names in the text are counted against those that it kept. */
function refuseDuplicates(file: string, source: string, objects: readonly unknown[]): void {
  const written = [...source.matchAll(/"((?:[^"\\]|\\.)*)"(\s*:)?/g)].filter((match) => match[2] !== undefined);
  const names = written.map((match) => match[1] ?? "").filter((name) => name !== "__metadata__");
  const kept = objects.reduce<number>((sum, object) => sum + Object.keys(object ?? {}).length, 0);
  if (names.length === kept) return;
  const fields = new Set(["dtype", "shape", "data_offsets"]);
  const twice = names.find((name, index) => !fields.has(name) && names.indexOf(name) !== index);
  throw invalid(
    file,
    twice === undefined ? "a field stands twice in an entry of its header" : `"${twice}" stands twice`,
  );
}

function parseEntry(file: string, name: string, value: unknown, start: number): TensorEntry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) throw invalid(file, `tensor "${name}": ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
  const { shape, data_offsets } = parsed.data;
  const [from, to] = data_offsets;
  const dtype = dtypeOf(parsed.data.dtype);
  if (dtype === undefined) {
    if (QUANTISED.test(parsed.data.dtype))
      throw quantised(`${file} (tensor "${name}" has the dtype ${parsed.data.dtype})`);
    const known = Object.keys(DTYPE_NAMES).join(", ");
    throw invalid(file, `tensor "${name}" has the dtype ${parsed.data.dtype}; known are ${known}`);
  }
  const bytes = shape.reduce((product, length) => product * length, DTYPES[dtype].bytes);
  if (to - from !== bytes) {
    const needs = `${dtype}[${shape.join(", ")}] needs ${bytes} bytes`;
    throw invalid(file, `tensor "${name}": ${needs}, its data_offsets [${from}, ${to}] hold ${to - from}`);
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
      throw invalid(file, `tensor "${name}" ${range}: it is truncated`);
    }
    if (offset < end) throw invalid(file, `tensor "${name}" overlaps the one before it`);
    if (offset > end) throw invalid(file, `there is a hole of ${offset - end} bytes before tensor "${name}"`);
    end = offset + bytes;
  }
  if (end !== fileBytes) throw invalid(file, `${fileBytes - end} bytes at its end belong to no tensor`);
}

function invalid(file: string, what: string, cause?: unknown): RocError {
  const message = `${file} is not a valid safetensors file: ${what}. Fetch or write the file again.`;
  return new RocError("CHECKPOINT_INVALID", message, { cause });
}
