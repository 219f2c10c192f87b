/**
 * The directory of a zip file with uncompressed entries, as torch.save writes it (PKWARE's
 * APPNOTE.TXT 4.3 to 4.5, with the 64-bit records).
 */
import type { MappedFile } from "../../torch/index.js";
import { Cursor } from "./cursor.js";
import { invalid, quoted } from "./errors.js";

/** The position of an entry's content in the file. */
export interface ZipEntry {
  readonly offset: number;
  readonly bytes: number;
}

const END = 0x06054b50;
const END_BYTES = 22;
const END64_LOCATOR = 0x07064b50;
const END64_LOCATOR_BYTES = 20;
const END64 = 0x06064b50;
const CENTRAL = 0x02014b50;
const CENTRAL_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
/** A comment of maximum length may follow the end record. */
const MAX_TAIL = END_BYTES + 0xffff;

/** Every entry by name. @throws RocError CHECKPOINT_INVALID for a file that is damaged, compressed or encrypted */
export function readZip(map: MappedFile): Map<string, ZipEntry> {
  const { count, offset, bytes } = readEnd(map);
  if (offset + bytes > map.byteLength || count * CENTRAL_BYTES > bytes) {
    throw invalid(map.path, `its directory of ${count} entries does not fit into the file: it is truncated or damaged`);
  }
  const cursor = new Cursor(map, offset, offset + bytes);
  const entries = new Map<string, ZipEntry>();
  for (let index = 0; index < count; index++) {
    const { name, ...entry } = readCentral(cursor, index);
    if (entries.has(name)) throw invalid(map.path, `its entry ${quoted(name)} occurs twice`);
    entries.set(name, locate(map, name, entry, offset));
  }
  return entries;
}

/** The end record, searched backwards, since a comment may follow it. */
function readEnd(map: MappedFile): { count: number; offset: number; bytes: number } {
  const length = Math.min(map.byteLength, MAX_TAIL);
  const start = map.byteLength - length;
  const tail = map.bytes(start, length);
  const view = new DataView(tail.buffer, tail.byteOffset, length);
  for (let at = length - END_BYTES; at >= 0; at--) {
    if (view.getUint32(at, true) !== END || at + END_BYTES + view.getUint16(at + 20, true) !== length) continue;
    const [count, bytes, offset] = [
      view.getUint16(at + 10, true),
      view.getUint32(at + 12, true),
      view.getUint32(at + 16, true),
    ];
    return readEnd64(map, start + at) ?? { count, offset, bytes };
  }
  throw invalid(map.path, "its zip directory is missing: it is truncated");
}

/** The 64-bit end record, where its locator precedes the end record. */
function readEnd64(map: MappedFile, end: number) {
  if (end < END64_LOCATOR_BYTES) return undefined;
  const locator = new Cursor(map, end - END64_LOCATOR_BYTES, end);
  if (locator.u32() !== END64_LOCATOR) return undefined;
  locator.u32(); // disk
  const record = new Cursor(map, locator.u64(), end);
  if (record.left < 56 || record.u32() !== END64) throw invalid(map.path, "its 64-bit zip directory is damaged");
  record.bytes(28); // size of the record, versions, disks, entries on this disk
  const [count, bytes, offset] = [record.u64(), record.u64(), record.u64()];
  return { count, bytes, offset };
}

const TEXT = new TextDecoder();

interface Central {
  readonly name: string;
  readonly bytes: number;
  readonly local: number;
}

function readCentral(cursor: Cursor, index: number): Central {
  const file = cursor.map.path;
  const view = cursor.view(CENTRAL_BYTES);
  if (view.getUint32(0, true) !== CENTRAL) throw invalid(file, `entry ${index} of its zip directory is damaged`);
  const [flags, method] = [view.getUint16(8, true), view.getUint16(10, true)];
  const sizes = [view.getUint32(24, true), view.getUint32(20, true), view.getUint32(42, true)] as const;
  const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((at) => view.getUint16(at, true));
  const name = TEXT.decode(cursor.bytes(nameBytes ?? 0));
  const [bytes, stored, local] = widened(cursor, sizes, cursor.position + (extraBytes ?? 0), name);
  cursor.bytes(commentBytes ?? 0);
  if (method !== 0 || (flags & 1) !== 0 || bytes !== stored) {
    throw invalid(file, `its entry ${quoted(name)} is compressed or encrypted; torch.save stores entries uncompressed`);
  }
  return { name, bytes, local };
}

/** Sizes of 0xffffffff are in the extra field 1 with 64 bits, in this order. Leaves the cursor after the extra fields. */
function widened(cursor: Cursor, sizes: readonly [number, number, number], end: number, name: string) {
  let wide: number[] = [];
  while (end - cursor.position >= 4) {
    const [kind, length] = [cursor.u16(), cursor.u16()];
    const next = cursor.position + length;
    if (next > end) throw invalid(cursor.map.path, `the extra fields of its entry ${quoted(name)} are damaged`);
    if (kind === 1) wide = Array.from({ length: Math.floor(length / 8) }, () => cursor.u64());
    cursor.position = next;
  }
  cursor.position = end;
  return sizes.map((size) => {
    const value = size === 0xffffffff ? wide.shift() : size;
    if (value === undefined) throw invalid(cursor.map.path, `its entry ${quoted(name)} lacks its 64-bit size`);
    return value;
  }) as [number, number, number];
}

/** The content follows the local header, whose name and extra fields may be longer than the directory's. */
function locate(map: MappedFile, name: string, { bytes, local }: Omit<Central, "name">, directory: number): ZipEntry {
  // Bounded by the header's end, since a cursor reads ahead.
  const header = new Cursor(map, local, Math.min(local + LOCAL_BYTES, directory));
  if (header.left < LOCAL_BYTES || header.u32() !== LOCAL) {
    throw invalid(map.path, `its entry ${quoted(name)} is not where the directory says`);
  }
  header.bytes(22);
  const offset = local + LOCAL_BYTES + header.u16() + header.u16();
  if (offset + bytes > directory) throw invalid(map.path, `its entry ${quoted(name)} runs over its end`);
  return { offset, bytes };
}
