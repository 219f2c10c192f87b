/** The two forms of a .bin file: a zip of a pickle and its storages, and the older stream. */
import type { MappedFile } from "../../torch/index.js";
import { DTYPES } from "../../torch/index.js";
import { Cursor } from "./cursor.js";
import { invalid, quoted } from "./errors.js";
import { readPickle, type Pickle } from "./pickle.js";
import { Dict, type Storage, type Value } from "./values.js";
import { readZip, type ZipEntry } from "./zip.js";

/** The object that was passed to torch.save, and the offsets of its storages. */
export interface Container {
  readonly value: Value;
  /** File offset of each storage, by key. */
  readonly offsets: ReadonlyMap<string, number>;
}

/** @throws RocError CHECKPOINT_INVALID */
export function readContainer(map: MappedFile): Container {
  const first = map.bytes(0, Math.min(4, map.byteLength));
  if (new TextDecoder().decode(first) === "PK\u0003\u0004") return readZipped(map);
  if (first[0] === 0x80) return readStream(map);
  const what = "it starts neither as a zip nor as a pickle; perhaps it is a pointer file or an error page";
  throw invalid(map.path, what);
}

function storageBytes({ dtype, length }: Storage): number {
  return length * DTYPES[dtype].bytes;
}

/** `NAME/data.pkl`, `NAME/data/KEY` for each storage, `NAME/byteorder`. */
function readZipped(map: MappedFile): Container {
  const entries = readZip(map);
  const folders = [...entries.keys()].flatMap((name) => /^([^/]*)\/data\.pkl$/.exec(name)?.[1] ?? []);
  const [folder] = folders;
  if (folder === undefined || folders.length > 1) throw invalid(map.path, "it is a zip without one data.pkl");
  if (entries.has(`${folder}/constants.pkl`)) {
    throw invalid(map.path, "it is a TorchScript program, not a checkpoint");
  }
  checkByteOrder(map, entries.get(`${folder}/byteorder`));
  const entry = entries.get(`${folder}/data.pkl`) ?? { offset: 0, bytes: 0 };
  const { value, storages } = readPickle(new Cursor(map, entry.offset, entry.offset + entry.bytes));
  const offsets = new Map<string, number>();
  for (const [key, storage] of storages) {
    const data = entries.get(`${folder}/data/${key}`);
    const needed = storageBytes(storage);
    if (data === undefined) throw invalid(map.path, `its storage ${quoted(key)} is missing`);
    if (data.bytes < needed) {
      throw invalid(map.path, `its storage ${quoted(key)} has ${data.bytes} bytes, its pickle says ${needed}`);
    }
    offsets.set(key, data.offset);
  }
  return { value, offsets };
}

function checkByteOrder(map: MappedFile, entry: ZipEntry | undefined): void {
  if (entry === undefined) return;
  const order = new TextDecoder().decode(map.bytes(entry.offset, Math.min(entry.bytes, 16))).trim();
  if (order !== "little") throw invalid(map.path, `its byte order is ${quoted(order)}; only "little" is supported`);
}

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/** Pickles of the magic number, the protocol, the machine, the object and the storages' keys; then the storages. */
function readStream(map: MappedFile): Container {
  const cursor = new Cursor(map, 0, map.byteLength);
  const next = (): Value => readPickle(cursor).value;
  if (next() !== MAGIC) throw invalid(map.path, "it is a pickle, but not one of torch.save");
  const protocol = next();
  if (protocol !== PROTOCOL) throw invalid(map.path, `its format is not ${PROTOCOL}`);
  const machine = next();
  if (!(machine instanceof Dict) || machine.get("little_endian") !== true) {
    throw invalid(map.path, "its byte order is not little-endian; only that is supported");
  }
  const pickle = readPickle(cursor);
  return { value: pickle.value, offsets: readStorages(cursor, pickle, next()) };
}

/** Each storage is its number of elements (64 bits), then the elements. */
function readStorages(cursor: Cursor, { storages }: Pickle, keys: Value): Map<string, number> {
  const file = cursor.map.path;
  const offsets = new Map<string, number>();
  for (const key of Array.isArray(keys) ? keys : []) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (storage === undefined || typeof key !== "string") throw invalid(file, "it lists a storage that nothing uses");
    const length = cursor.u64();
    if (length !== storage.length) {
      throw invalid(file, `its storage ${quoted(key)} has ${length} elements, its pickle says ${storage.length}`);
    }
    offsets.set(key, cursor.position);
    const bytes = storageBytes(storage);
    if (bytes > cursor.left) throw invalid(file, `it ends inside of storage ${quoted(key)}: it is truncated`);
    cursor.position += bytes;
  }
  for (const key of storages.keys()) {
    if (!offsets.has(key)) throw invalid(file, `its storage ${quoted(key)} is missing`);
  }
  return offsets;
}
