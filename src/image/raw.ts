/** The picture of a RAW file: its largest embedded JPEG, turned as the RAW file says. */
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { extensionOf } from "./extensions.js";
import { extractTag, privateFolder, readTags, type ExifTags } from "./exiftool.js";
import { pathOfName } from "./file-names.js";
import { readJpeg, type JpegFrame } from "./jpeg.js";
import type { ImageInput, Source } from "./read.js";

/** A JPEG out of a RAW file, whose EXIF says the RAW file's orientation and nothing else. */
export interface Preview {
  readonly bytes: Uint8Array;
  /** What is lost, where there is no more than a thumbnail. */
  readonly small: string | undefined;
}

interface Jpeg {
  readonly bytes: Uint8Array;
  readonly frame: JpegFrame;
}

/** The tags that hold JPEGs, but for thumbnails. */
const PREVIEWS = ["JpgFromRaw", "JpgFromRaw2", "PreviewImage", "OtherImage"];
const THUMBNAILS = ["ThumbnailImage"];

/** Pixels of the longer side below which a preview is a thumbnail. */
const THUMBNAIL = 1000;

/**
 * The largest by pixels of a RAW file's previews; undefined where it has none that is a whole JPEG header.
 *
 * @param input the file itself where it is one; else its bytes go through a private temporary file
 * @throws RocError IMAGE_UNSUPPORTED where exiftool cannot run; FILE_UNREADABLE
 */
export async function previewOf(
  input: ImageInput,
  bytes: Uint8Array,
  { name, signal, lease }: Source,
): Promise<Preview | undefined> {
  const folder = await privateFolder();
  try {
    const path = (await plainFile(input)) ?? (await written(bytes, folder));
    const tags = await readTags(path, ["Orientation", ...PREVIEWS, ...THUMBNAILS], ["-a", "-G1"], name);
    const largest =
      (await largestOf(path, tags, PREVIEWS, folder)) ?? (await largestOf(path, tags, THUMBNAILS, folder));
    if (!largest) return undefined;
    await lease.take(2 * largest.bytes.length, signal);
    const { width, height } = largest.frame;
    const isSmall = Math.max(width, height) < THUMBNAIL;
    const small = isSmall ? `of this RAW file only a preview of ${width} x ${height} pixels can be read` : undefined;
    return { bytes: turnedBy(largest.bytes, orientationOf(tags)), small };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A path that can be read as often as one likes: no pipe. */
async function plainFile(input: ImageInput): Promise<string | undefined> {
  // By this ending exiftool takes a DNG for a RAW file of another kind, whose preview it does not find.
  if (typeof input !== "string" || extensionOf(input) === "raw") return undefined;
  const found = await stat(pathOfName(input)).catch(() => undefined);
  return found?.isFile() === true ? input : undefined;
}

async function written(bytes: Uint8Array, folder: string): Promise<string> {
  // Without an ending exiftool goes by the content.
  const file = join(folder, "photo");
  await writeFile(file, bytes, { mode: 0o600, flag: "wx" });
  return file;
}

async function largestOf(
  path: string,
  tags: ExifTags,
  names: readonly string[],
  folder: string,
): Promise<Jpeg | undefined> {
  let largest: Jpeg | undefined;
  const found = Object.keys(tags).filter((tag) => names.includes(tag.split(":").at(-1) ?? ""));
  for (const [i, tag] of found.entries()) {
    const file = join(folder, `${names[0]}-${i}`);
    // A tag that leads nowhere is none.
    const bytes = await extractTag(path, tag, file).then(
      () => readFile(file),
      () => undefined,
    );
    const jpeg = bytes && (await jpegIn(bytes));
    if (jpeg && pixelsOf(jpeg) > pixelsOf(largest)) largest = jpeg;
  }
  return largest;
}

/** The JPEGs that libjpeg reads: RAW files hold lossless ones too, of sensor values. */
const READ_FRAMES = [0xc0, 0xc1, 0xc2];

async function jpegIn(bytes: Uint8Array): Promise<Jpeg | undefined> {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return undefined;
  const { frame } = await readJpeg(bytes);
  return frame && READ_FRAMES.includes(frame.marker) && frame.precision === 8 ? { bytes, frame } : undefined;
}

function pixelsOf(jpeg: Jpeg | undefined): number {
  return jpeg ? jpeg.frame.width * jpeg.frame.height : 0;
}

/** Of the RAW file's first directory, before those of its previews. */
function orientationOf(tags: ExifTags): number {
  const all = Object.entries(tags).filter(([tag]) => tag.endsWith(":Orientation"));
  const [, value] = all.find(([tag]) => tag.startsWith("IFD0:")) ?? all[0] ?? [];
  return typeof value === "number" && value >= 1 && value <= 8 ? value : 1;
}

const APP1 = 0xe1;
const SOS = 0xda;

/** The JPEG with an EXIF of its orientation alone, in the place of its own. */
function turnedBy(jpeg: Uint8Array, orientation: number): Uint8Array {
  const kept: Uint8Array[] = [];
  let at = 2;
  while (jpeg[at] === 0xff && jpeg[at + 1] !== SOS && at + 4 <= jpeg.length) {
    const next = at + 2 + ((jpeg[at + 2] ?? 0) << 8) + (jpeg[at + 3] ?? 0);
    if (jpeg[at + 1] !== APP1) kept.push(jpeg.subarray(at, next));
    at = next;
  }
  return Buffer.concat([jpeg.subarray(0, 2), exifOf(orientation), ...kept, jpeg.subarray(at)]);
}

/** An APP1 segment: a big-endian TIFF of one short. */
function exifOf(orientation: number): Uint8Array {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  return Buffer.from([0xff, APP1, 0, 2 + 6 + tiff.length, ...Buffer.from("Exif\0\0"), ...tiff]);
}
