/** Small files built as RAW files are, around JPEGs: no camera's RAW file can be had here. */

/** A value of a directory: one number, several, bytes, or other directories. */
type Value = number | readonly number[] | Buffer | { readonly directories: readonly Directory[] };
export type Directory = Readonly<Record<number, Value>>;

/** A little-endian TIFF whose first directory is `first`; a JPEG in tag 513 gets its place and length (514). */
export function tiff(first: Directory, magic = "II*\0"): Buffer {
  const out: Buffer[] = [Buffer.from(magic, "latin1"), Buffer.alloc(4)];
  let length = 8;
  const add = (bytes: Buffer): number => {
    const at = length;
    const even = Buffer.concat([bytes, Buffer.alloc(bytes.length % 2)]);
    out.push(even);
    length += even.length;
    return at;
  };
  const write = (directory: Directory): number => {
    const entries = Object.entries(directory).flatMap(([tag, value]) => entriesOf(Number(tag), value, add, write));
    const body = Buffer.alloc(2 + 12 * entries.length + 4);
    body.writeUInt16LE(entries.length);
    entries.forEach((entry, i) => entry.copy(body, 2 + 12 * i));
    return add(body);
  };
  const at = write(first);
  const file = Buffer.concat(out);
  file.writeUInt32LE(at, 4);
  return file;
}

function entriesOf(
  tag: number,
  value: Value,
  add: (bytes: Buffer) => number,
  write: (d: Directory) => number,
): Buffer[] {
  if (tag === 513 && Buffer.isBuffer(value)) return [longs(513, [add(value)], add), longs(514, [value.length], add)];
  if (Buffer.isBuffer(value)) return [entry(tag, 2, value.length, add(value))];
  if (typeof value === "number") return [longs(tag, [value], add)];
  if ("directories" in value) return [longs(tag, value.directories.map(write), add)];
  return [longs(tag, value, add)];
}

function longs(tag: number, values: readonly number[], add: (bytes: Buffer) => number): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32LE(value, 4 * i));
  return entry(tag, 4, values.length, values.length === 1 ? (values[0] ?? 0) : add(bytes));
}

function entry(tag: number, type: number, count: number, value: number): Buffer {
  const out = Buffer.alloc(12);
  out.writeUInt16LE(tag, 0);
  out.writeUInt16LE(type, 2);
  out.writeUInt32LE(count, 4);
  out.writeUInt32LE(value, 8);
  return out;
}

/** Of 2 by 2 sensor values, which are nowhere. */
const SENSOR: Directory = { 254: 0, 256: 2, 257: 2, 258: 14, 259: 34713, 262: 32803, 273: 0, 277: 1, 278: 2, 279: 0 };

/** Nikon's way: previews in a subdirectory, the sensor's values in another. */
export function nef(jpeg: Buffer, orientation = 1): Buffer {
  const make = Buffer.from("NIKON CORPORATION\0");
  return tiff({ 254: 1, 271: make, 274: orientation, 330: { directories: [{ 254: 1, 513: jpeg }, SENSOR] } });
}

/** Sony's way: a preview in the first directory. */
export function arw(jpeg: Buffer, orientation = 1): Buffer {
  const [make, model] = [Buffer.from("SONY\0"), Buffer.from("ILCE-7M4\0")];
  return tiff({ 254: 1, 271: make, 272: model, 274: orientation, 330: { directories: [SENSOR] }, 513: jpeg });
}

/** Fujifilm's way: a header of its own that says where the JPEG is. */
export function raf(jpeg: Buffer): Buffer {
  const head = Buffer.alloc(160);
  head.write("FUJIFILMCCD-RAW 0201FF389501X-T3", "latin1");
  head.writeUInt32BE(head.length, 84);
  head.writeUInt32BE(jpeg.length, 88);
  return Buffer.concat([head, jpeg]);
}

function box(type: string, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, body]);
}

/** Canon's newer way: an ISO media file, EXIF and preview in boxes of their own. */
export function cr3(jpeg: Buffer, orientation = 1): Buffer {
  const exif = tiff({ 271: Buffer.from("Canon\0"), 274: orientation });
  const preview = Buffer.alloc(32);
  preview.writeUInt32BE(1, 4);
  preview.writeUInt32BE(24 + jpeg.length, 8);
  preview.write("PRVW", 12, "latin1");
  preview.writeUInt16BE(1, 20);
  preview.writeUInt16BE(1, 26);
  preview.writeUInt32BE(jpeg.length, 28);
  return Buffer.concat([
    box("ftyp", Buffer.from("crx \0\0\0\x01crx isom", "latin1")),
    box("moov", box("uuid", Buffer.from("85c0b687820f11e08111f4ce462b6a48", "hex"), box("CMT1", exif))),
    box("uuid", Buffer.from("eaf42b5e1c984b88b9fbb7dc406e4d16", "hex"), preview, jpeg),
  ]);
}
