/**
 * The directory of a zip file, as torch.save and numpy.savez write it (PKWARE's APPNOTE.TXT 4.3 to 4.5, with the 64-bit
 * records).
 */
import type { MappedFile } from "../../torch/index.js";
import { Cursor } from "./cursor.js";
import { invalid, quoted, type Fault } from "./errors.js";

/** The position of an entry's content in the file. */
export interface ZipEntry {
  readonly offset: number;
  /** Of the content, which the file claims. */
  readonly bytes: number;
  /** In the file: fewer where the entry is deflated. */
  readonly stored: number;
  readonly deflated: boolean;
}

/** How a zip file is read. */
export interface ZipOptions {
  /** Entries may be deflated. Default false: they are refused. */
  readonly deflated?: boolean;
  /** Makes the error of a damaged file. */
  readonly fault?: Fault;
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
export function readZip(map: MappedFile, options: ZipOptions = {}): Map<string, ZipEntry> {
  const { fault = invalid, deflated = false } = options;
  const { count, offset, bytes } = readEnd(map, fault);
  if (offset + bytes > map.byteLength || count * CENTRAL_BYTES > bytes) {
    throw fault(map.path, `its directory of ${count} entries does not fit into the file: it is truncated or damaged`);
  }
  const cursor = new Cursor(map, offset, offset + bytes, fault);
  const entries = new Map<string, ZipEntry>();
  for (let index = 0; index < count; index++) {
    const { name, ...entry } = readCentral(cursor, index, deflated);
    if (entries.has(name)) throw fault(map.path, `its entry ${quoted(name)} occurs twice`);
    entries.set(name, locate(cursor, name, entry, offset));
  }
  return entries;
}

/** The end record, searched backwards, since a comment may follow it. */
function readEnd(map: MappedFile, fault: Fault): { count: number; offset: number; bytes: number } {
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
    return readEnd64(map, start + at, fault) ?? { count, offset, bytes };
  }
  throw fault(map.path, "its zip directory is missing: it is truncated");
}

/** The 64-bit end record, where its locator precedes the end record. */
function readEnd64(map: MappedFile, end: number, fault: Fault) {
  if (end < END64_LOCATOR_BYTES) return undefined;
  const locator = new Cursor(map, end - END64_LOCATOR_BYTES, end, fault);
  if (locator.u32() !== END64_LOCATOR) return undefined;
  locator.u32(); // disk
  const record = new Cursor(map, locator.u64(), end, fault);
  if (record.left < 56 || record.u32() !== END64) throw fault(map.path, "its 64-bit zip directory is damaged");
  record.bytes(28); // size of the record, versions, disks, entries on this disk
  const [count, bytes, offset] = [record.u64(), record.u64(), record.u64()];
  return { count, bytes, offset };
}

const TEXT = new TextDecoder();

interface Central {
  readonly name: string;
  readonly bytes: number;
  readonly stored: number;
  readonly deflated: boolean;
  readonly local: number;
}

/** The method of an entry that is deflated; 0 is that of one as it is. */
const DEFLATE = 8;

function readCentral(cursor: Cursor, index: number, mayDeflate: boolean): Central {
  const file = cursor.map.path;
  const { fault } = cursor;
  const view = cursor.view(CENTRAL_BYTES);
  if (view.getUint32(0, true) !== CENTRAL) throw fault(file, `entry ${index} of its zip directory is damaged`);
  const [flags, method] = [view.getUint16(8, true), view.getUint16(10, true)];
  const sizes = [view.getUint32(24, true), view.getUint32(20, true), view.getUint32(42, true)] as const;
  const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((at) => view.getUint16(at, true));
  const name = TEXT.decode(cursor.bytes(nameBytes ?? 0));
  const [bytes, stored, local] = widened(cursor, sizes, cursor.position + (extraBytes ?? 0), name);
  cursor.bytes(commentBytes ?? 0);
  const deflated = mayDeflate && method === DEFLATE;
  if ((flags & 1) !== 0 || !(deflated || (method === 0 && bytes === stored))) {
    const what = mayDeflate
      ? "is encrypted, or compressed in another way than by deflate"
      : "is compressed or encrypted; torch.save stores entries uncompressed";
    throw fault(file, `its entry ${quoted(name)} ${what}`);
  }
  return { name, bytes, stored, deflated, local };
}

/** Sizes of 0xffffffff are in the extra field 1 with 64 bits, in this order. Leaves the cursor after the extra fields. */
function widened(cursor: Cursor, sizes: readonly [number, number, number], end: number, name: string) {
  let wide: number[] = [];
  while (end - cursor.position >= 4) {
    const [kind, length] = [cursor.u16(), cursor.u16()];
    const next = cursor.position + length;
    if (next > end) throw cursor.fault(cursor.map.path, `the extra fields of its entry ${quoted(name)} are damaged`);
    if (kind === 1) wide = Array.from({ length: Math.floor(length / 8) }, () => cursor.u64());
    cursor.position = next;
  }
  cursor.position = end;
  return sizes.map((size) => {
    const value = size === 0xffffffff ? wide.shift() : size;
    if (value === undefined) throw cursor.fault(cursor.map.path, `its entry ${quoted(name)} lacks its 64-bit size`);
    return value;
  }) as [number, number, number];
}

/** The content follows the local header, whose name and extra fields may be longer than the directory's. */
function locate(
  { map, fault }: Cursor,
  name: string,
  { local, ...entry }: Omit<Central, "name">,
  directory: number,
): ZipEntry {
  // Bounded by the header's end, since a cursor reads ahead.
  const header = new Cursor(map, local, Math.min(local + LOCAL_BYTES, directory), fault);
  if (header.left < LOCAL_BYTES || header.u32() !== LOCAL) {
    throw fault(map.path, `its entry ${quoted(name)} is not where the directory says`);
  }
  header.bytes(22);
  const offset = local + LOCAL_BYTES + header.u16() + header.u16();
  if (offset + entry.stored > directory) throw fault(map.path, `its entry ${quoted(name)} runs over its end`);
  return { offset, ...entry };
}
