/**
 * NumPy's .npz files (a zip of .npy arrays, NEP 1), as JAX programs save weights: arrays of numbers only. Nothing in them is
 * executed: an array of Python objects, which NumPy would unpickle, is refused.
 */
import { constants, inflateRawSync } from "node:zlib";
import { RocError } from "../errors.js";
import { DTYPES, fromTypedArray, scope, type DType, type MappedFile, type Tensor } from "../torch/index.js";
import { quoted } from "./bin/errors.js";
import { readZip, type ZipEntry } from "./bin/zip.js";
import type { Checkpoint } from "./checkpoint.js";
import { entriesCheckpoint, type TensorEntry } from "./entries.js";
import { mapWeights } from "./mapped.js";

const ENDING = ".npy";
const MAGIC = "\u0093NUMPY";
/** Of an array's header, which NumPy pads to a multiple of 64; its own limit is 10,000. */
const MAX_HEADER = 16384;
/** Deflate makes at most 1032 bytes of one. */
const MOST_INFLATED = 1040;
/** As NumPy. */
const MOST_DIMENSIONS = 32;

/** NumPy's type codes with our names, without the sign of their byte order. */
const TYPES: Readonly<Record<string, DType>> = {
  f2: "float16",
  f4: "float32",
  f8: "float64",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  b1: "bool",
};

function invalid(file: string, what: string, cause?: unknown): RocError {
  const remedy = "Nothing in it was executed. Fetch the file again.";
  return new RocError("CHECKPOINT_INVALID", `${file} is not an .npz file that can be read: ${what}. ${remedy}`, {
    cause,
  });
}

/** An array in the file. */
interface NpzArray {
  readonly entry: ZipEntry;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The first index runs fastest. */
  readonly isFortran: boolean;
  /** Bytes before the elements. */
  readonly header: number;
}

/**
 * Opens an .npz file, as `numpy.savez` and `numpy.savez_compressed` write it. A tensor's name is its key in the file.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; CHECKPOINT_INVALID for a file that is damaged, holds anything but arrays, or an
 *   array of objects, of records or of numbers that are not read here
 */
export async function openNpz(file: string): Promise<Checkpoint> {
  const map = await mapWeights(file, (what) => invalid(file, what));
  try {
    return entriesCheckpoint(file, readArrays(map), { close: () => map.dispose() });
  } catch (error) {
    map.dispose();
    throw error;
  }
}

function readArrays(map: MappedFile): Map<string, TensorEntry> {
  const entries = readZip(map, { deflated: true, fault: invalid });
  const arrays = new Map<string, TensorEntry>();
  for (const [file, entry] of entries) {
    if (!file.endsWith(ENDING)) throw invalid(map.path, `its entry ${quoted(file)} is no array (${ENDING})`);
    const name = file.slice(0, -ENDING.length);
    arrays.set(name, entryOf(map, name, readHeader(map, entry, quoted(file))));
  }
  if (arrays.size === 0) throw invalid(map.path, "it holds no arrays");
  return arrays;
}

/** The first bytes of an entry's content, without more of it than a header may take. */
function startOf(map: MappedFile, entry: ZipEntry): Uint8Array {
  const length = Math.min(entry.stored, MAX_HEADER);
  const bytes = map.bytes(entry.offset, length);
  if (!entry.deflated) return bytes;
  try {
    const limits = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: length * MOST_INFLATED };
    return inflateRawSync(bytes, limits);
  } catch (cause) {
    throw invalid(map.path, "an entry of it does not inflate", cause);
  }
}

/** @param what the entry's name, for messages */
function readHeader(map: MappedFile, entry: ZipEntry, what: string): NpzArray {
  const start = startOf(map, entry);
  const damaged = (why: string): RocError => invalid(map.path, `the array ${what} ${why}`);
  if (String.fromCharCode(...start.subarray(0, MAGIC.length)) !== MAGIC || start.length < 12) {
    throw damaged("does not start as one");
  }
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const version = start[MAGIC.length] ?? 0;
  if (version < 1 || version > 3) throw damaged(`is of version ${version}; versions 1 to 3 are known`);
  const [before, length] = version === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
  const header = before + length;
  if (header > Math.min(start.length, MAX_HEADER)) throw damaged(`claims a header of ${length} bytes`);
  const text = new TextDecoder().decode(start.subarray(before, header));
  const array = { ...parseHeader(text, damaged), header, entry };
  checkSize(array, damaged);
  return array;
}

/** The dictionary of a header, `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, which is not evaluated. */
function parseHeader(text: string, damaged: (why: string) => RocError): Omit<NpzArray, "entry" | "header"> {
  const order = /'fortran_order': *(True|False)\b/.exec(text)?.[1];
  const sizes = /'shape': *\(([\d, ]*)\)/.exec(text)?.[1];
  const code = /'descr': *'([^']*)'/.exec(text)?.[1];
  if (code === undefined && /'descr': *\[/.test(text)) throw damaged("holds records; only arrays of numbers are read");
  if (order === undefined || sizes === undefined || code === undefined) throw damaged("has a header that is none");
  if (/^[|<>=]?O/.test(code)) throw damaged("holds Python objects, which are never unpickled");
  const dtype = TYPES[code.slice(1)];
  if (dtype === undefined || !/^[<|=]/.test(code)) {
    throw damaged(`holds elements of the type ${quoted(code)}; ${Object.keys(TYPES).join(", ")} in "<" order are read`);
  }
  const shape = sizes.split(",").flatMap((size) => (size.trim() === "" ? [] : [Number(size)]));
  if (shape.length > MOST_DIMENSIONS || shape.some((size) => !Number.isSafeInteger(size))) {
    throw damaged("has a shape that no array has");
  }
  return { dtype, shape, isFortran: order === "True" };
}

function checkSize({ entry, header, dtype, shape }: NpzArray, damaged: (why: string) => RocError): void {
  const needed = header + shape.reduce((product, size) => product * size, DTYPES[dtype].bytes);
  if (needed !== entry.bytes) {
    throw damaged(`of [${shape.join(", ")}] needs ${needed} bytes, and its entry has ${entry.bytes}`);
  }
  if (needed > entry.stored * (entry.deflated ? MOST_INFLATED : 1)) {
    throw damaged(`claims ${needed} bytes, more than its ${entry.stored} compressed ones can hold`);
  }
}

function entryOf(map: MappedFile, name: string, array: NpzArray): TensorEntry {
  const { entry, dtype, shape, isFortran } = array;
  return {
    dtype,
    shape,
    read() {
      if (!isFortran || shape.length < 2) return rowsOf(map, name, array, shape);
      const last = shape.length - 1;
      return scope(() => rowsOf(map, name, array, shape.toReversed()).permute(...shape.map((_, dim) => last - dim)));
    },
    drop() {
      map.drop(entry.offset, entry.stored);
    },
  };
}

/** The elements in the order of the file. */
function rowsOf(map: MappedFile, name: string, { entry, header, dtype }: NpzArray, shape: readonly number[]): Tensor {
  if (!entry.deflated) return map.tensor(entry.offset + header, dtype, shape);
  const { bytes, allocate } = { ...DTYPES[dtype] };
  const elements = allocate((entry.bytes - header) / bytes);
  new Uint8Array(elements.buffer).set(inflated(map, name, entry).subarray(header));
  return fromTypedArray(elements, shape, { dtype });
}

function inflated(map: MappedFile, name: string, entry: ZipEntry): Uint8Array {
  const what = `its array ${quoted(name)} does not inflate to the ${entry.bytes} bytes that its directory says`;
  try {
    const content = inflateRawSync(map.bytes(entry.offset, entry.stored), { maxOutputLength: entry.bytes });
    if (content.length === entry.bytes) return content;
  } catch (cause) {
    throw invalid(map.path, what, cause);
  }
  throw invalid(map.path, what);
}
