/** What the first bytes of picture files say before anything is decoded: how large it is, and how a WebP is turned. */

/** Bytes that are looked at; a JPEG's size comes after its metadata. */
const HEAD_BYTES = 2 ** 20;

/** Pixels of a JPEG, PNG, WebP or GIF; undefined where its head does not say, and of other files. */
export async function pixelsIn(file: Blob): Promise<number | undefined> {
  const head = await viewOf(file, 0, HEAD_BYTES);
  try {
    const [width, height] = sizeOf(head) ?? [];
    return width === undefined || height === undefined ? undefined : width * height;
  } catch {
    // The head is cut: the decoder says so.
    return undefined;
  }
}

function sizeOf(head: DataView): readonly [width: number, height: number] | undefined {
  const start = textAt(head, 0, 4);
  if (start === "\x89PNG") return [head.getUint32(16), head.getUint32(20)];
  if (start === "GIF8") return [head.getUint16(6, true), head.getUint16(8, true)];
  if (start === "RIFF" && textAt(head, 8, 4) === "WEBP") return webpSize(head);
  return head.getUint16(0) === 0xffd8 ? jpegSize(head) : undefined;
}

/** RFC 9649: of a file with features, of a lossless one and of a lossy one. */
function webpSize(head: DataView): readonly [width: number, height: number] {
  const kind = textAt(head, 12, 4);
  if (kind === "VP8X") return [1 + (head.getUint32(24, true) & 0xffffff), 1 + (head.getUint32(26, true) >>> 8)];
  if (kind === "VP8 ") return [head.getUint16(26, true) & 0x3fff, head.getUint16(28, true) & 0x3fff];
  const bits = head.getUint32(21, true);
  return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
}

/** Of the first frame header, SOF0 to SOF15 (T.81, table B.1). */
function jpegSize(head: DataView): readonly [width: number, height: number] | undefined {
  for (let at = 2; ;) {
    if (head.getUint8(at) !== 0xff) return undefined;
    const marker = head.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return [head.getUint16(at + 7), head.getUint16(at + 5)];
    // A marker may be filled up in front.
    at += marker === 0xff ? 1 : 2 + head.getUint16(at + 2);
  }
}

/** How a picture is turned, as Exif counts it: 1 is upright. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export interface Turned {
  readonly file: Blob;
  readonly orientation: Orientation;
}

/** Chunks of a WebP that are looked at. */
const MOST_CHUNKS = 10_000;

/**
 * A WebP's turn by its Exif, which browsers do not look at, or not all of them: it is taken out of the file, so that none does. Other
 * files as they are.
 */
export async function turnOf(file: Blob): Promise<Turned> {
  const head = await viewOf(file, 0, 21);
  const upright: Turned = { file, orientation: 1 };
  const hasExif = textAt(head, 8, 8) === "WEBPVP8X" && (head.getUint8(20) & 8) !== 0;
  if (!hasExif) return upright;
  for (let at = 12, count = 0; at + 8 <= file.size && count < MOST_CHUNKS; count++) {
    const chunk = await viewOf(file, at, at + 8);
    const [name, size] = [textAt(chunk, 0, 4), chunk.getUint32(4, true)];
    if (name === "EXIF") {
      const orientation = orientationIn(await viewOf(file, at + 8, at + 8 + Math.min(size, HEAD_BYTES)));
      return { file: new Blob([file.slice(0, at), "NONE", file.slice(at + 4)]), orientation };
    }
    at += 8 + size + (size % 2);
  }
  return upright;
}

const ORIENTATION = 0x112;

/** Of the first directory of a TIFF (Exif 2.32, 4.6.4), which some writers put "Exif" and two zeros before. */
function orientationIn(exif: DataView): Orientation {
  try {
    const start = textAt(exif, 0, 4) === "Exif" ? 6 : 0;
    const isLittle = textAt(exif, start, 2) === "II";
    const directory = start + exif.getUint32(start + 4, isLittle);
    for (let i = 0; i < exif.getUint16(directory, isLittle); i++) {
      const entry = directory + 2 + 12 * i;
      if (exif.getUint16(entry, isLittle) !== ORIENTATION) continue;
      const value = exif.getUint16(entry + 8, isLittle);
      return value >= 1 && value <= 8 ? (value as Orientation) : 1;
    }
  } catch {
    // It is cut.
  }
  return 1;
}

async function viewOf(file: Blob, from: number, to: number): Promise<DataView> {
  return new DataView(await file.slice(from, to).arrayBuffer());
}

/** As latin1; "" where the bytes are not there. */
function textAt(view: DataView, at: number, length: number): string {
  if (at + length > view.byteLength) return "";
  return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));
}
