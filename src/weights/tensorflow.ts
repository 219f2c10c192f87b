/**
 * TensorFlow's checkpoints (the "bundle" of tensor_bundle.proto): NAME.index, a sorted table of the tensors' places, and
 * NAME.data-00000-of-00001 with their bytes.
 */
import { snappyUncompress } from "hyparquet";
import { crcOf, readBytes } from "../files/index.js";
import { wireFields, type WireError } from "../files/protobuf.js";
import { DTYPES, empty, type DType, type MappedFile } from "../torch/index.js";
import type { Checkpoint } from "./checkpoint.js";
import { entriesCheckpoint, type TensorEntry } from "./entries.js";
import { mapWeights, wireFaults } from "./mapped.js";

/** The table's last bytes: where its blocks are listed, and a number that says what it is (LevelDB's format). */
const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;
/** After each block: how it is compressed, and a checksum. */
const TRAILER_BYTES = 5;
const SNAPPY = 1;

const MAX_INDEX_BYTES = 2 ** 28;
const MOST_SHARDS = 10_000;

/** Numbers of types.proto; other tensors (texts, resources) hold no weights. */
const TYPES: Readonly<Record<number, DType>> = {
  1: "float32",
  2: "float64",
  3: "int32",
  4: "uint8",
  6: "int8",
  9: "int64",
  10: "bool",
  14: "bfloat16",
  19: "float16",
};

const crc32c = crcOf(0x82f63b78);

/** Checksums are stored changed, as those of bytes that hold checksums are bad ones. */
function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function faults(file: string): WireError {
  return wireFaults(file, "a TensorFlow checkpoint");
}

/** A tensor's entry in the index. */
interface Place {
  readonly type: number;
  readonly shape: readonly number[];
  readonly shard: number;
  readonly offset: number;
  readonly bytes: number;
  readonly crc: number | undefined;
  /** It is stored in parts under other names. */
  readonly isSliced: boolean;
}

/**
 * Opens a checkpoint by its index: every tensor of numbers by its name in the graph.
 *
 * `metadata.ignored` lists tensors of other types.
 *
 * @param file NAME.index, or one of its files of data
 * @throws RocError FILE_NOT_FOUND (a file of data is missing, too), FILE_UNREADABLE; CHECKPOINT_INVALID where a file is damaged
 */
export async function openTensorflow(file: string): Promise<Checkpoint> {
  const prefix = file.replace(/\.(index|data-\d{5}-of-\d{5})$/, "");
  const index = `${prefix}.index`;
  const invalid = faults(index);
  const places = new Map<string, Place>();
  let shards: number | undefined;
  for (const [key, value] of tableEntries(await readBytes(index, { maxBytes: MAX_INDEX_BYTES }), invalid)) {
    if (key === "") shards = readHeader(value, invalid);
    else places.set(key, readPlace(value, key, invalid));
  }
  if (shards === undefined) throw invalid("it has no header");
  const data = await openShards(prefix, shards);
  try {
    const entries = new Map<string, TensorEntry>();
    const ignored: string[] = [];
    for (const [name, place] of places) {
      const entry = entryOf(name, place, data, invalid);
      if (entry) entries.set(name, entry);
      else ignored.push(name);
    }
    const metadata = ignored.length > 0 ? { ignored: ignored.join(", ") } : {};
    return entriesCheckpoint(index, entries, { metadata, close: () => disposeAll(data) });
  } catch (error) {
    disposeAll(data);
    throw error;
  }
}

function disposeAll(maps: readonly MappedFile[]): void {
  for (const map of maps) map.dispose();
}

async function openShards(prefix: string, shards: number): Promise<MappedFile[]> {
  const maps: MappedFile[] = [];
  const padded = (number: number): string => String(number).padStart(5, "0");
  try {
    for (let i = 0; i < shards; i++) {
      const file = `${prefix}.data-${padded(i)}-of-${padded(shards)}`;
      const remedy = `It belongs to ${prefix}.index: fetch both.`;
      maps.push(await mapWeights(file, faults(file), { remedy }));
    }
    return maps;
  } catch (error) {
    disposeAll(maps);
    throw error;
  }
}

function entryOf(
  name: string,
  { type, shape, shard, offset, bytes, crc, isSliced }: Place,
  data: readonly MappedFile[],
  invalid: WireError,
): TensorEntry | undefined {
  const dtype = TYPES[type];
  if (dtype === undefined) return undefined;
  if (isSliced) throw invalid(`its tensor "${name}" is stored in slices, which are not read`);
  const map = data[shard];
  if (map === undefined) throw invalid(`its tensor "${name}" is in a file of data that it does not have`);
  const needed = shape.reduce((product, size) => product * size, DTYPES[dtype].bytes);
  if (needed !== bytes)
    throw invalid(`its tensor "${name}" of [${shape.join(", ")}] takes ${needed} bytes, not ${bytes}`);
  if (offset + bytes > map.byteLength) {
    throw faults(map.path)(`it ends before its tensor "${name}": it is truncated`);
  }
  return {
    dtype,
    shape,
    read() {
      if (bytes === 0) return empty(shape, { dtype });
      if (crc !== undefined && masked(crc32c(map.bytes(offset, bytes))) !== crc) {
        throw faults(map.path)(`its tensor "${name}" is damaged (another checksum than the index has)`);
      }
      return map.tensor(offset, dtype, shape);
    },
    drop: () => {
      map.drop(offset, bytes);
    },
  };
}

/** BundleHeaderProto: num_shards 1, endianness 2. @returns the number of files of data */
function readHeader(bytes: Uint8Array, invalid: WireError): number {
  let shards = 0;
  for (const { number, value } of wireFields(bytes, invalid)) {
    if (typeof value !== "bigint") continue;
    if (number === 1) shards = Number(value);
    if (number === 2 && value !== 0n) throw invalid("its numbers are big-endian, which are not read");
  }
  if (shards >= 1 && shards <= MOST_SHARDS) return shards;
  throw invalid(`it claims ${shards} files of data`);
}

/** BundleEntryProto: dtype 1, shape 2, shard_id 3, offset 4, size 5, crc32c 6, slices 7. */
function readPlace(bytes: Uint8Array, name: string, invalid: WireError): Place {
  const numbers = new Map<number, number>();
  let shape: readonly number[] = [];
  let crc: number | undefined;
  let isSliced = false;
  for (const { number, value } of wireFields(bytes, invalid)) {
    if (typeof value === "bigint") {
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(`its tensor "${name}" claims ${value} bytes`);
      numbers.set(number, Number(value));
    } else if (number === 2) shape = readShape(value, invalid);
    else if (number === 6 && value.length === 4) crc = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
    else if (number === 7) isSliced = true;
  }
  const at = (number: number): number => numbers.get(number) ?? 0;
  return { type: at(1), shape, shard: at(3), offset: at(4), bytes: at(5), crc, isSliced };
}

/** TensorShapeProto: dim 2, of which size is 1. */
function readShape(bytes: Uint8Array, invalid: WireError): number[] {
  const dims = [...wireFields(bytes, invalid)].filter(({ number }) => number === 2);
  return dims.map(({ value }) => {
    const size =
      typeof value === "bigint" ? undefined : [...wireFields(value, invalid)].find(({ number }) => number === 1);
    return typeof size?.value === "bigint" ? Number(size.value) : 0;
  });
}

/** Where a block of the table lies. */
interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Reads numbers from bytes of the table. */
class Cursor {
  position = 0;

  constructor(
    readonly bytes: Uint8Array,
    private readonly invalid: WireError,
  ) {}

  varint(): number {
    let value = 0;
    for (let i = 0; i < 8; i++) {
      const byte = this.take(1)[0] as number;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw this.invalid("a number of its table is too long");
  }

  take(length: number): Uint8Array {
    if (length > this.bytes.length - this.position) throw this.invalid("its table ends too early");
    return this.bytes.subarray(this.position, (this.position += length));
  }

  handle(): Handle {
    return { offset: this.varint(), size: this.varint() };
  }
}

/** Keys and values of a table, in order. */
function* tableEntries(bytes: Uint8Array, invalid: WireError): Generator<readonly [string, Uint8Array]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < FOOTER_BYTES || view.getBigUint64(bytes.length - 8, true) !== MAGIC) {
    throw invalid("it does not end as a table does: it is truncated, or is none");
  }
  const footer = new Cursor(bytes.subarray(bytes.length - FOOTER_BYTES), invalid);
  footer.handle();
  for (const [, value] of blockEntries(blockAt(bytes, footer.handle(), invalid), invalid)) {
    const block = blockAt(bytes, new Cursor(value, invalid).handle(), invalid);
    for (const [key, content] of blockEntries(block, invalid)) yield [new TextDecoder().decode(key), content];
  }
}

function blockAt(bytes: Uint8Array, { offset, size }: Handle, invalid: WireError): Uint8Array {
  const end = offset + size + TRAILER_BYTES;
  if (end > bytes.length) throw invalid("a block of its table is outside of it");
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, size + TRAILER_BYTES);
  const summed = bytes.subarray(offset, offset + size + 1);
  if (masked(crc32c(summed)) !== view.getUint32(size + 1, true)) throw invalid("a block of its table is damaged");
  const content = bytes.subarray(offset, offset + size);
  const kind = view.getUint8(size);
  if (kind === 0) return content;
  if (kind !== SNAPPY) throw invalid(`a block of its table is compressed in a way (${kind}) that is not known`);
  const length = new Cursor(content, invalid).varint();
  if (length > MAX_INDEX_BYTES) throw invalid(`a block of its table claims ${length} bytes`);
  const output = new Uint8Array(length);
  try {
    snappyUncompress(content, output);
  } catch {
    throw invalid("a block of its table does not decompress");
  }
  return output;
}

/** Each key shares its beginning with the one before; after the entries come the places of those that share nothing. */
function* blockEntries(block: Uint8Array, invalid: WireError): Generator<readonly [Uint8Array, Uint8Array]> {
  if (block.length < 4) throw invalid("a block of its table is empty");
  const restarts = new DataView(block.buffer, block.byteOffset + block.length - 4, 4).getUint32(0, true);
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) throw invalid("a block of its table is damaged");
  const cursor = new Cursor(block.subarray(0, end), invalid);
  let key = new Uint8Array();
  while (cursor.position < end) {
    const [shared, own, length] = [cursor.varint(), cursor.varint(), cursor.varint()];
    if (shared > key.length) throw invalid("a key of its table is damaged");
    key = Uint8Array.from([...key.subarray(0, shared), ...cursor.take(own)]);
    yield [key, cursor.take(length)];
  }
}
