/** Image files to 8-bit sRGB pixels, upright and opaque. */
import { basename } from "node:path";
import type { Metadata, SharpOptions } from "sharp";
import { isOutOfMemory, messageOf, RocError } from "../errors.js";
import { pictureBudget, type Lease } from "./budget.js";
import { readableName } from "./file-names.js";
import { nativePixels } from "./native.js";
import { hasTable, readProfile, toSrgb } from "./profile.js";
import { readFile, unsupportedPicture, type ImageInput, type PictureFile } from "./read.js";
import { heicBytes, heicToTiff } from "./heic.js";
import { previewOf } from "./raw.js";
import { otherHeif, rawOf, type ImageFormat, type Unsupported } from "./sniff.js";
import { examine, isWhole, plain, type Examined, type Reading } from "./soundness.js";
import { unreadPixels } from "./tiff.js";
import type { RgbImage, StoredImage } from "./types.js";

/** `0x3FFF * 0x3FFF`, about 268 million pixels: sharp's own default, 805 MB once decoded. */
export const DEFAULT_MAX_PIXELS = 0x3fff ** 2;

/** Numbers whose white is known. That of others may be 1, 255 or anything else. */
const DEPTHS = ["uchar", "ushort"];

/** What a decoder needs for itself: threads, tables. */
const DECODER_BYTES = 2 ** 26;

/**
 * How {@link decodeImage} decodes.
 *
 * @category Scoring
 */
export interface DecodeOptions {
  /**
   * Pictures with more pixels (width times height, from the header) are refused before decoding; default `0x3fff ** 2`,
   * about 268 million (805 MB once decoded); `Infinity`: none is refused.
   */
  readonly maxPixels?: number;
  /** What messages call the picture; default: the path, or "image" where there is none. */
  readonly name?: string;
  /** Ends the decoding with RocError ABORTED. */
  readonly signal?: AbortSignal;
  /**
   * Turn the picture as its EXIF orientation says (default true). Python's image processors do not. A HEIC is always upright:
   * what turns it is part of its coding.
   */
  readonly orient?: boolean;
  /** Decode what is left of a damaged file, and say so in the result's `damaged` (default false: IMAGE_BROKEN). */
  readonly allowDamaged?: boolean;
}

/**
 * Decodes JPEG, PNG, WebP, AVIF, HEIC (the primary picture), TIFF (first page) or GIF (first frame), and of a RAW file
 * its largest embedded JPEG.
 *
 * EXIF orientation is applied, an ICC profile converted to sRGB, CMYK and greyscale made RGB, 16 bits cut to 8, and
 * transparency laid on white. A file that lacks pixels is an error (or marked, see `allowDamaged`), trailing bytes and odd
 * metadata are not. All pictures that are decoded at the same time share one budget of memory: some wait for others.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE or FILE_EMPTY where there is nothing to decode; IMAGE_UNSUPPORTED (a RAW
 *   file without a preview, or where exiftool cannot run; no picture at all), IMAGE_BROKEN, IMAGE_TOO_LARGE; OUT_OF_MEMORY; ABORTED; USAGE for a `maxPixels` that is no
 *   positive number
 *
 * @example
 * ```ts
 * import { decodeImage } from "roc4mllm";
 *
 * const { width, height, data } = await decodeImage("photo.jpg", { maxPixels: 100e6 });
 * console.log(data.length === 3 * width * height); // true
 * ```
 *
 * @category Scoring
 */
export function decodeImage(input: ImageInput, options: DecodeOptions = {}): Promise<RgbImage> {
  return whileDecoded(input, ({ stored }) => stored, options, true);
}

/**
 * Decodes as {@link decodeImage}, but does not turn the picture, which the resize after it does for nothing; gives what `use`
 * makes of it. The picture's memory counts in the budget until then, so `use` should give something smaller.
 */
export function withStoredImage<T>(
  input: ImageInput,
  use: (picture: StoredImage) => T | Promise<T>,
  options: DecodeOptions = {},
): Promise<T> {
  return whileDecoded(input, use, options, false);
}

/** @param turned whether the decoder turns the picture; else its orientation says what is left to do */
async function whileDecoded<T>(
  input: ImageInput,
  use: (picture: StoredImage) => T | Promise<T>,
  options: DecodeOptions,
  turned: boolean,
): Promise<T> {
  const { maxPixels = DEFAULT_MAX_PIXELS, signal } = options;
  const name = options.name ?? (typeof input === "string" ? readableName(input) : "image");
  if (!(maxPixels > 0)) throw new RocError("USAGE", `maxPixels is ${maxPixels}; give a positive number of pixels`);
  sharp ??= await loadSharp().catch((error: unknown) => {
    throw isOutOfMemory(error) ? outOfMemory(name, error) : error;
  });
  using lease = pictureBudget().lease();
  try {
    checkAborted(signal, name);
    const orient = options.orient ?? true;
    const settings = { ...options, name, maxPixels, orient: orient && turned };
    const { image, orientation } = await decode(input, settings, lease);
    return await use({ stored: image, orientation: orient && !turned ? orientation : 1 });
  } catch (error) {
    checkAborted(signal, name);
    throw isAllocationError(error) ? outOfMemory(name, error) : error;
  }
}

type Settings = DecodeOptions & { readonly name: string; readonly maxPixels: number };

async function decode(
  input: ImageInput,
  settings: Settings,
  lease: Lease,
): Promise<{ image: RgbImage; orientation: number }> {
  const { name, signal, maxPixels } = settings;
  const file = await readFile(input, { name, signal, lease });
  checkAborted(signal, name);
  const job = { ...settings, lease, ...(await opened(input, file, settings, lease)) };
  const metadata = await headerOf(job);
  if (!DEPTHS.includes(metadata.depth)) throw unsupportedPicture(unreadPixels(`${metadata.depth} numbers`), name);
  checkSize(metadata, maxPixels, name);
  await lease.take(decodingBytes(metadata, job), signal);
  checkAborted(signal, name);
  const image = await decodePixels(job, metadata);
  const orientation = orientationOf(metadata);
  return { image: job.small === undefined ? image : { ...image, damaged: job.small }, orientation };
}

/** What is decoded, which may lie within the file. */
interface Opened {
  readonly format: ImageFormat;
  readonly examined: Examined;
  /** What is lost where there is no more than a thumbnail. */
  readonly small?: string | undefined;
}

async function opened(input: ImageInput, file: PictureFile, settings: Settings, lease: Lease): Promise<Opened> {
  const { format, bytes } = file;
  if (format === "HEIC") return openedHeic(bytes, settings, lease);
  if (format === "RAW") return openedRaw(input, bytes, rawOf(bytes), settings, lease);
  // A TIFF is copied.
  if (format === "TIFF") await lease.take(bytes.length, settings.signal);
  const examined = await examine(file);
  if (examined.unsupported?.raw) return openedRaw(input, bytes, examined.unsupported, settings, lease);
  if (examined.unsupported) throw unsupportedPicture(examined.unsupported, settings.name);
  return { format, examined };
}

async function openedHeic(bytes: Uint8Array, settings: Settings, lease: Lease): Promise<Opened> {
  const { name, maxPixels, signal } = settings;
  const job: Job = { ...settings, lease, format: "HEIC", examined: plain(bytes, "none") };
  const header = await headerOf(job);
  checkSize(header, maxPixels, name);
  const { width, height, channels, icc } = header;
  const deep = header.depth === "ushort";
  await lease.take(bytes.length + heicBytes(width * height, channels, deep), signal);
  try {
    return { format: "HEIC", examined: plain(await heicToTiff(bytes, deep, icc, signal), "error") };
  } catch (error) {
    const why = messageOf(error);
    throw /unsupported|not supported/i.test(why)
      ? unsupportedPicture(otherHeif(why), name)
      : broken(job, undefined, error);
  }
}

async function openedRaw(
  input: ImageInput,
  bytes: Uint8Array,
  none: Unsupported,
  { name, signal }: Settings,
  lease: Lease,
): Promise<Opened> {
  const preview = await previewOf(input, bytes, { name, signal, lease });
  if (!preview) throw unsupportedPicture(none, name);
  const examined = await examine({ bytes: preview.bytes, format: "JPEG" });
  if (examined.unsupported) throw unsupportedPicture(none, name);
  return { format: "RAW", examined, small: preview.small };
}

interface Job extends Settings, Opened {
  readonly lease: Lease;
}

/** EXIF's number; 1 where there is none, or one that says nothing. */
function orientationOf({ orientation = 1 }: Metadata): number {
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

type Sharp = (typeof import("sharp"))["default"];

/** Loaded with the first picture: the thread that has a model decodes none. */
let sharp: Sharp;

/** One libvips thread a picture, since callers decode several pictures at once; no cache, since none is seen twice. */
export async function loadSharp(): Promise<Sharp> {
  const { default: loaded } = await import("sharp");
  loaded.concurrency(1);
  loaded.cache(false);
  return loaded;
}

function sharpOptions({ failOn }: Reading, { orient = true }: Settings): SharpOptions {
  return { failOn, limitInputPixels: false, autoOrient: orient };
}

/** Of the first reading that gives one, since the header alone may be too damaged for another. */
async function headerOf(job: Job): Promise<Metadata> {
  const { examined, allowDamaged } = job;
  const readings = [...examined.readings, ...(allowDamaged ? [examined.rescue] : [])];
  return firstOf(readings, job, 0, (reading) => sharp(reading.bytes, sharpOptions(reading, job)).metadata());
}

async function decodePixels(job: Job, metadata: Metadata): Promise<RgbImage> {
  const { examined, allowDamaged } = job;
  const bytes = decodingBytes(metadata, job);
  const decoded = firstOf(examined.readings, job, bytes, (reading) => toRgb(reading, job, metadata));
  // Both read the whole file: at once, each in a thread.
  const [loss] = await Promise.all([lossOf(examined), decoded.catch(() => undefined)]);
  if (loss === undefined) {
    try {
      return await decoded;
    } catch (error) {
      if (!allowDamaged || !(error instanceof RocError) || error.code !== "IMAGE_BROKEN") throw error;
    }
  } else if (!allowDamaged) {
    throw broken(job, loss);
  }
  const image = await firstOf([examined.rescue], job, bytes, (reading) => toRgb(reading, job, metadata));
  return { ...image, damaged: loss ?? "it could only be read in part" };
}

async function lossOf(examined: Examined): Promise<string | undefined> {
  const loss = await examined.loss();
  return loss ?? ((await isWhole(examined)) ? undefined : "its data is not what was written");
}

/** What the first reading gives that does not fail. */
async function firstOf<T>(
  readings: readonly Reading[],
  job: Job,
  bytes: number,
  work: (reading: Reading) => Promise<T>,
): Promise<T> {
  const { name, lease, signal } = job;
  let failure: unknown;
  for (const reading of readings) {
    try {
      return await work(reading);
    } catch (error) {
      failure = error;
    }
  }
  if (!isShortOfMemory(failure, bytes)) throw broken(job, undefined, failure);
  // Other pictures may have taken it: once more with none beside it.
  await lease.takeAll(signal);
  try {
    return await work(readings.at(-1) as Reading);
  } catch (error) {
    throw outOfMemory(name, error);
  }
}

async function toRgb(reading: Reading, settings: Settings, metadata: Metadata): Promise<RgbImage> {
  const options = sharpOptions(reading, settings);
  const deep = metadata.hasProfile && (metadata.space === "grey16" || metadata.space === "rgb16");
  const image = deep ? await deepToRgb(reading, options, metadata) : undefined;
  if (image) return image;
  // A profile that did not do for 16 bits is left out here too.
  const pipeline = sharp(reading.bytes, { ...options, ignoreIcc: deep })
    .flatten({ background: "#ffffff" })
    .toColourspace("srgb");
  const { data, info } = await pipeline.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels, not 3`);
  return { width: info.width, height: info.height, data: bytesOf(data) };
}

/**
 * 16-bit pixels through their profile, which sharp leaves out for greyscale, and cuts to Display P3 first for RGB. Undefined
 * where the profile cannot be read or does not fit.
 */
async function deepToRgb(
  reading: Reading,
  options: SharpOptions,
  { space, icc }: Metadata,
): Promise<RgbImage | undefined> {
  if ((space !== "grey16" && space !== "rgb16") || !icc) return undefined;
  const profile = readProfile(icc);
  // By a profile that cannot be read the colours would come out wrong, without a word.
  if (!profile && !hasTable(icc, space === "rgb16" ? "RGB " : "GRAY")) return undefined;
  const pipeline = sharp(reading.bytes, { ...options, ignoreIcc: true })
    .flatten({ background: "#ffffff" })
    .toColourspace(space);
  // With its own step off, its last one takes the file's profile.
  if (!profile) pipeline.withIccProfile("srgb", { attach: false });
  const { data, info } = await pipeline.raw({ depth: "ushort" }).toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels !== (profile?.curves.length ?? 3)) return undefined;
  const samples = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  if (profile) return { width, height, data: await toSrgb(samples, profile) };
  const levels = new Uint8Array(samples.length);
  await nativePixels().toEightBits(samples, levels);
  return { width, height, data: levels };
}

function bytesOf({ buffer, byteOffset, byteLength }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** What decoding takes at its peak, by the header: formats that are read line by line need little beside the result. */
function decodingBytes(metadata: Metadata, { format, orient = true }: Job): number {
  const { width, height, channels, depth, isProgressive, hasProfile } = metadata;
  const pixel = channels * (depth === "ushort" ? 2 : 1);
  const byLine = ["JPEG", "PNG", "RAW"].includes(format) && !isProgressive;
  const turned = orient && orientationOf(metadata) > 1 ? pixel : 0;
  const deep = depth === "ushort" && hasProfile ? 6 : 0;
  return width * height * (3 + deep + turned + (byLine ? 0 : 2 * pixel));
}

function broken({ name, format, allowDamaged }: Job, loss: string | undefined, cause?: unknown): RocError {
  // The decoder's own words are left out: its list of errors is shared by all pictures that are being decoded.
  const what = `damaged or incomplete ${format} file${loss === undefined ? "" : ` (${loss})`}`;
  // Who reads pictures to train on has no such choice.
  const allow = allowDamaged === undefined ? "" : ", or allow damaged pictures (allowDamaged; score --allow-damaged)";
  const remedy = `copy it again from its source${allow}`;
  return new RocError("IMAGE_BROKEN", `${name}: ${what}; ${remedy}`, { cause });
}

/** Whether a decoder's failure may come from a lack of memory: it says so, or as much as it needs cannot be had. */
function isShortOfMemory(error: unknown, bytes: number): boolean {
  if (isAllocationError(error)) return true;
  try {
    // Of zeros: the system gives addresses, and no memory.
    return new ArrayBuffer(bytes + DECODER_BYTES).byteLength < bytes;
  } catch {
    return true;
  }
}

function isAllocationError(error: unknown): boolean {
  if (error instanceof RocError || !(error instanceof Error)) return false;
  // libheif's limits on what a header may ask for are about the file.
  return /memory|allocat/i.test(error.message) && !/limit/i.test(error.message);
}

function outOfMemory(name: string, cause: unknown): RocError {
  const remedy = "close other programs, raise the limit (ulimit -v), or save it smaller";
  return new RocError("OUT_OF_MEMORY", `${name}: there is too little memory to decode this picture; ${remedy}`, {
    cause,
  });
}

function checkSize({ width, height }: Metadata, maxPixels: number, name: string): void {
  if (width * height <= maxPixels) return;
  throw new RocError(
    "IMAGE_TOO_LARGE",
    `${name}: ${width} x ${height} pixels, over the limit of ${maxPixels}; shrink it, or raise the limit (maxPixels, --max-pixels) if you trust it`,
  );
}

function checkAborted(signal: AbortSignal | undefined, name: string): void {
  if (signal?.aborted) {
    throw new RocError("ABORTED", `decoding ${basename(name)} was cancelled`, { cause: signal.reason });
  }
}
