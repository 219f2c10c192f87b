/**
 * Caffe's .caffemodel files (NetParameter of caffe.proto), with the layers of either message: the layers' blobs are read, what the
 * network is made of is not.
 */
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { readBytes } from "../files/index.js";
import { packedVarints, wireFields, type WireError, type WireField } from "../files/protobuf.js";
import { cat, DTYPES, empty, scope, type DType, type MappedFile, type Tensor } from "../torch/index.js";
import type { Checkpoint } from "./checkpoint.js";
import { entriesCheckpoint, type TensorEntry } from "./entries.js";
import { mapWeights, wireFaults } from "./mapped.js";

/** Field numbers of NetParameter, and of its layers: V1LayerParameter's and LayerParameter's. */
const LAYERS: Readonly<Record<number, { readonly name: number; readonly blobs: number }>> = {
  2: { name: 4, blobs: 6 },
  100: { name: 1, blobs: 7 },
};

/** Field numbers of BlobProto; of BlobShape, `dim` is 1. */
const BLOB = { num: 1, channels: 2, height: 3, width: 4, data: 5, shape: 7, doubleData: 8 } as const;
const DIM = 1;

const MAX_BYTES = 2 ** 31;
/** A blob's numbers are one run of bytes; some writers made one a number. */
const MOST_PIECES = 1_000_000;
const MOST_DIMENSIONS = 32;

/** Where a blob's numbers lie in its file. */
interface Blob {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly pieces: readonly { readonly offset: number; readonly length: number }[];
}

function faults(file: string): WireError {
  return wireFaults(file, "a Caffe file");
}

/**
 * Opens a .caffemodel: the blobs of every layer, by `LAYER/0` (of a convolution its weight), `LAYER/1` (its bias) and so on, in the
 * shapes that the file has: a bias of old files is `[1, 1, 1, N]`.
 *
 * A mean picture beside it (the folder's only `.binaryproto`) is the tensor `mean`, `[1, channels, height, width]`.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; CHECKPOINT_INVALID where a file is damaged
 */
export async function openCaffemodel(file: string): Promise<Checkpoint> {
  const entries = new Map<string, TensorEntry>();
  const maps: MappedFile[] = [];
  const close = (): void => {
    for (const map of maps) map.dispose();
  };
  try {
    const add = async (path: string, read: (bytes: Uint8Array) => Iterable<readonly [string, Blob]>): Promise<void> => {
      const map = await mapWeights(path, faults(path));
      maps.push(map);
      const bytes = await readBytes(path, { maxBytes: MAX_BYTES });
      for (const [name, blob] of read(bytes)) {
        if (entries.has(name)) throw faults(path)(`it holds "${name}" twice`);
        entries.set(name, entryOf(map, blob));
      }
    };
    await add(file, (bytes) => layerBlobs(bytes, faults(file)));
    if (entries.size === 0) throw faults(file)("it holds no layer with weights");
    const mean = await meanBeside(file);
    if (mean !== undefined) await add(mean, (bytes) => [["mean", readBlob(bytes, faults(mean))]]);
    return entriesCheckpoint(file, entries, { ...(mean && { metadata: { mean } }), close });
  } catch (error) {
    close();
    throw error;
  }
}

async function meanBeside(file: string): Promise<string | undefined> {
  const names = await readdir(dirname(file));
  const [only, ...others] = names.filter((name) => name.endsWith(".binaryproto") && name !== basename(file));
  return only !== undefined && others.length === 0 ? join(dirname(file), only) : undefined;
}

function* layerBlobs(bytes: Uint8Array, invalid: WireError): Generator<readonly [string, Blob]> {
  for (const { number, value } of wireFields(bytes, invalid)) {
    const numbers = LAYERS[number];
    if (numbers === undefined || typeof value === "bigint") continue;
    const fields = [...wireFields(value, invalid)];
    const name = new TextDecoder().decode(bytesOf(fields.findLast((field) => field.number === numbers.name)));
    const blobs = fields.filter((field) => field.number === numbers.blobs);
    for (const [i, blob] of blobs.entries()) yield [`${name}/${i}`, readBlob(bytesOf(blob), invalid)];
  }
}

function bytesOf(field: WireField | undefined): Uint8Array {
  return field === undefined || typeof field.value === "bigint" ? new Uint8Array() : field.value;
}

function readBlob(bytes: Uint8Array, invalid: WireError): Blob {
  const pieces: { offset: number; length: number }[] = [];
  const old = new Map<number, number>();
  let shape: readonly number[] | undefined;
  let dtype: DType = "float32";
  for (const field of wireFields(bytes, invalid)) {
    const { number, value } = field;
    if (number === BLOB.shape) shape = readShape(bytesOf(field), invalid);
    if (number >= BLOB.num && number <= BLOB.width && typeof value === "bigint")
      old.set(number, sizeOf(value, invalid));
    if (number !== BLOB.data && number !== BLOB.doubleData) continue;
    if (typeof value === "bigint") throw invalid("its numbers are not in runs of bytes", number);
    if (number === BLOB.doubleData) dtype = "float64";
    // The bytes are the whole file's.
    pieces.push({ offset: value.byteOffset, length: value.length });
    if (pieces.length > MOST_PIECES) throw invalid(`its numbers are in more than ${MOST_PIECES} pieces`, number);
  }
  const blob = { dtype, shape: shape ?? [1, 2, 3, 4].map((number) => old.get(number) ?? 1), pieces };
  const needed = blob.shape.reduce((product, size) => product * size, DTYPES[dtype].bytes);
  const found = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const isWhole = pieces.every(({ length }) => length % DTYPES[dtype].bytes === 0);
  if (needed === found && isWhole) return blob;
  throw invalid(`a blob of [${blob.shape.join(", ")}] takes ${needed} bytes and has ${found}`);
}

function readShape(bytes: Uint8Array, invalid: WireError): number[] {
  const sizes: number[] = [];
  for (const { number, value } of wireFields(bytes, invalid)) {
    if (number !== DIM) continue;
    for (const size of typeof value === "bigint" ? [value] : packedVarints(value, invalid)) {
      sizes.push(sizeOf(size, invalid));
      if (sizes.length > MOST_DIMENSIONS) throw invalid(`a blob has more than ${MOST_DIMENSIONS} dimensions`);
    }
  }
  return sizes;
}

function sizeOf(value: bigint, invalid: WireError): number {
  if (value > BigInt(MAX_BYTES)) throw invalid(`a blob claims a size of ${value}`);
  return Number(value);
}

function entryOf(map: MappedFile, { dtype, shape, pieces }: Blob): TensorEntry {
  const part = ({ offset, length }: { offset: number; length: number }): Tensor =>
    map.tensor(offset, dtype, [length / DTYPES[dtype].bytes]);
  return {
    dtype,
    shape,
    read() {
      const [first, ...others] = pieces;
      if (first === undefined) return empty(shape, { dtype });
      return scope(() => (others.length === 0 ? part(first) : cat(pieces.map(part))).reshape(...shape));
    },
    drop() {
      for (const { offset, length } of pieces) map.drop(offset, length);
    },
  };
}
