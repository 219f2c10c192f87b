/** Small copies of pictures for pages, as data addresses. */
import sharp, { type Sharp } from "sharp";
import { decodeImage, pathOfName, type DecodeOptions, type RgbImage } from "../image/index.js";
import { readFile } from "node:fs/promises";

export interface ThumbnailOptions {
  /** Longest side in pixels. */
  readonly side: number;
  /** Of JPEG, 1 to 100. */
  readonly quality: number;
  /** Of the picture at most, as {@link DecodeOptions.maxPixels}. */
  readonly maxPixels?: number | undefined;
}

export interface Thumbnail {
  /** `data:image/jpeg;base64,...` */
  readonly address: string;
  readonly width: number;
  readonly height: number;
}

/** Formats that are decoded small at once, or in one go; RAW files look like TIFF, and hold other pictures too. */
const DIRECT = new Set(["jpeg", "png", "webp", "heif", "gif"]);

/** A small JPEG, upright and on white; undefined where the file is not there any more or cannot be read. */
export async function thumbnailOf(file: string, options: ThumbnailOptions): Promise<Thumbnail | undefined> {
  return direct(file, options)
    .catch(() => decoded(file, options))
    .catch(() => undefined);
}

/** @param bytes of a picture's file that is ours */
export function thumbnailOfBytes(bytes: Buffer, options: ThumbnailOptions): Promise<Thumbnail> {
  return small(sharp(bytes), options);
}

/** Sharp takes no name that is not UTF-8. */
async function source(file: string): Promise<string | Buffer> {
  const path = pathOfName(file);
  return typeof path === "string" ? path : readFile(path);
}

async function direct(file: string, options: ThumbnailOptions): Promise<Thumbnail> {
  const { maxPixels } = options;
  // Its own limit is that of the decoder that scores.
  const limitInputPixels = maxPixels === Infinity ? false : (maxPixels ?? true);
  const picture = sharp(await source(file), { failOn: "none", limitInputPixels });
  const { format } = await picture.metadata();
  if (!DIRECT.has(format)) throw new Error(format);
  return small(picture.rotate(), options);
}

/** By the decoder that scores: whatever that reads has a thumbnail. */
async function decoded(file: string, options: ThumbnailOptions): Promise<Thumbnail> {
  return smallCopy(await decodeImage(file, reading(options)), options);
}

function reading({ maxPixels }: Pick<ThumbnailOptions, "maxPixels">): DecodeOptions {
  return { allowDamaged: true, ...(maxPixels !== undefined && { maxPixels }) };
}

/** A small JPEG of decoded pixels. */
export async function smallCopy({ data, width, height }: RgbImage, options: ThumbnailOptions): Promise<Thumbnail> {
  return small(sharp(data, { raw: { width, height, channels: 3 } }), options);
}

/** A photo's pixels, upright, with at most `side` on its longer edge. @throws RocError as `decodeImage()` */
export async function smallPicture(
  file: string,
  { side, ...options }: Omit<ThumbnailOptions, "quality">,
): Promise<RgbImage> {
  const { data, width, height } = await decodeImage(file, reading(options));
  const { data: pixels, info } = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: side, height: side, fit: "inside", withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: pixels };
}

async function small(picture: Sharp, { side, quality }: ThumbnailOptions): Promise<Thumbnail> {
  const size = { width: side, height: side, fit: "inside", withoutEnlargement: true } as const;
  const { data, info } = await picture
    .resize(size)
    .flatten({ background: "#fff" })
    .jpeg({ quality, mozjpeg: true })
    .toBuffer({ resolveWithObject: true });
  return { address: `data:image/jpeg;base64,${data.toString("base64")}`, width: info.width, height: info.height };
}
