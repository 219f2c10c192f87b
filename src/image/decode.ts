/** Image files to 8-bit sRGB pixels, upright and opaque. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { addAbortSignal, Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import sharp, { type Metadata, type SharpOptions } from "sharp";
import { messageOf, RocError } from "../errors.js";
import { refusePointer } from "../files/index.js";
import { pathOfName, readableName } from "./file-names.js";
import { IMAGE_FORMATS, sniffFormat, type ImageFormat } from "./sniff.js";
import { tiffFault } from "./tiff.js";
import type { RgbImage } from "./types.js";

/** A path, a file's bytes, or a stream of them. */
export type ImageInput = string | Uint8Array | Readable | ReadableStream<Uint8Array>;

/** `0x3FFF * 0x3FFF`, about 268 million pixels: sharp's own default, 805 MB once decoded. */
export const DEFAULT_MAX_PIXELS = 0x3fff ** 2;

export interface DecodeOptions {
  /** Pictures with more pixels (width times height, from the header) are refused before decoding; `Infinity` = all in. */
  readonly maxPixels?: number;
  /** What messages call the picture; default: the path, or "image" where there is none. */
  readonly name?: string;
  readonly signal?: AbortSignal;
  /** Turn the picture as its EXIF orientation says (default true). Python's image processors do not. */
  readonly orient?: boolean;
}

/**
 * Decodes JPEG, PNG, WebP, AVIF, TIFF (first page) or GIF (first frame).
 *
 * EXIF orientation is applied, an ICC profile converted to sRGB, CMYK and greyscale made RGB, 16 bits cut to 8, and
 * transparency laid on white. A file that ends early is an error, a decoder's warning (trailing bytes, odd metadata) not.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_EMPTY, IMAGE_UNSUPPORTED, IMAGE_BROKEN, IMAGE_TOO_LARGE,
 * ABORTED, or USAGE for a `maxPixels` that is no positive number
 */
export async function decodeImage(input: ImageInput, options: DecodeOptions = {}): Promise<RgbImage> {
  const { maxPixels = DEFAULT_MAX_PIXELS, signal, orient = true } = options;
  const name = options.name ?? (typeof input === "string" ? readableName(input) : "image");
  if (!(maxPixels > 0)) throw new RocError("USAGE", `maxPixels is ${maxPixels}; give a positive number of pixels`);
  tuneSharp();
  const bytes = await readInput(input, name, signal);
  checkAborted(signal, name);
  const format = checkFormat(bytes, name);
  if (format === "TIFF") checkPixels(tiffFault(bytes), name);
  const settings: SharpOptions = { failOn: "error", limitInputPixels: false, autoOrient: orient };
  const metadata = await attempt(sharp(bytes, settings).metadata(), name, format);
  // Their white may be 1, 255 or anything else.
  if (/float|double|complex/.test(metadata.depth)) checkPixels(`holds ${metadata.depth} numbers`, name);
  checkSize(metadata, maxPixels, name);
  checkAborted(signal, name);
  const image = await attempt(toRgb(bytes, settings, metadata), name, format);
  checkAborted(signal, name);
  return image;
}

let tuned = false;

/** One libvips thread a picture, since callers decode several pictures at once; no cache, since none is seen twice. */
function tuneSharp(): void {
  if (tuned) return;
  tuned = true;
  sharp.concurrency(1);
  sharp.cache(false);
}

async function toRgb(bytes: Uint8Array, settings: SharpOptions, metadata: Metadata): Promise<RgbImage> {
  let pipeline = sharp(bytes, settings).flatten({ background: "#ffffff" }).toColourspace("srgb");
  // sharp takes 16-bit pixels with a profile to Display P3 and leaves them there; this adds the step on to sRGB.
  if (metadata.space === "rgb16" && metadata.hasProfile) pipeline = pipeline.withIccProfile("srgb", { attach: false });
  const { data, info } = await pipeline.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels, not 3`);
  return {
    width: info.width,
    height: info.height,
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

async function readInput(input: ImageInput, name: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
  checkAborted(signal, name);
  try {
    if (input instanceof Uint8Array) return input;
    if (typeof input === "string") return await readFile(pathOfName(input), signal ? { signal } : {});
    return await collect(input, signal);
  } catch (error) {
    checkAborted(signal, name);
    throw readError(error, name);
  }
}

async function collect(input: Readable | ReadableStream<Uint8Array>, signal?: AbortSignal): Promise<Uint8Array> {
  const stream = input instanceof Readable ? input : Readable.fromWeb(input);
  if (signal) addAbortSignal(signal, stream);
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream as AsyncIterable<unknown>) {
    if (!(chunk instanceof Uint8Array)) throw new Error(`the stream gave a ${typeof chunk}, not bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function readError(error: unknown, name: string): RocError {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") {
    const remedy = /^[a-z]+:\/\//i.test(name)
      ? "a URL is not fetched here; download the picture first"
      : "check the path";
    return new RocError("FILE_NOT_FOUND", `${name}: there is no such file; ${remedy}`, { cause: error });
  }
  const why = code === "EISDIR" ? "it is a folder; name an image file" : `${messageOf(error)}; check its permissions`;
  return new RocError("FILE_UNREADABLE", `${name} cannot be read: ${why}`, { cause: error });
}

function checkFormat(bytes: Uint8Array, name: string): ImageFormat {
  if (bytes.length === 0) {
    throw new RocError("FILE_EMPTY", `${name} is empty (0 bytes); copy it again from its source`);
  }
  refusePointer(bytes, name);
  const format = sniffFormat(bytes);
  if (typeof format === "string") return format;
  const what = format.refused ? `looks like ${format.refused}` : "is in no image format known here";
  const list = IMAGE_FORMATS.join(", ");
  throw new RocError("IMAGE_UNSUPPORTED", `${name} ${what}; save it as one of ${list} and try again`);
}

function checkPixels(fault: string | undefined, name: string): void {
  if (fault === undefined) return;
  throw new RocError("IMAGE_UNSUPPORTED", `${name} ${fault}, which are not read here; save it as 8-bit or 16-bit RGB`);
}

function checkSize({ width, height }: Metadata, maxPixels: number, name: string): void {
  if (width * height <= maxPixels) return;
  throw new RocError(
    "IMAGE_TOO_LARGE",
    `${name} is ${width} x ${height} pixels, over the limit of ${maxPixels}; shrink it, or raise the limit (maxPixels, --max-pixels) if you trust it`,
  );
}

async function attempt<T>(work: Promise<T>, name: string, format: ImageFormat): Promise<T> {
  try {
    return await work;
  } catch (error) {
    // The decoder's own words are left out: its list of errors is shared by all pictures that are being decoded.
    throw new RocError(
      "IMAGE_BROKEN",
      `${name} is a damaged or incomplete ${format} file; copy it again from its source or save it anew`,
      { cause: error },
    );
  }
}

function checkAborted(signal: AbortSignal | undefined, name: string): void {
  if (signal?.aborted) {
    throw new RocError("ABORTED", `decoding ${basename(name)} was cancelled`, { cause: signal.reason });
  }
}
