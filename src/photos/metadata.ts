/** What a photo's file says of its making: time, camera, lens, exposure, orientation, size, stars. */
import exifReader from "exif-reader";
import type { Metadata } from "sharp";
import { readTags, type ExifTags } from "../image/exiftool.js";
import { loadSharp, pathOfName, readableName } from "../image/index.js";
import { openRegular, readError } from "../files/index.js";
import { SNIFF_BYTES, sniffFormat } from "../image/sniff.js";
import { Packet, type Property } from "./packet.js";

/** What is known of a photo; what its file does not say is left out. */
export interface PhotoMetadata {
  /** The camera's local time, ISO 8601 with what there is of subseconds: `2026-05-01T12:30:05.123`. */
  readonly taken?: string;
  /** Of that time to UTC, where the camera wrote it: `+02:00`. */
  readonly offset?: string;
  /** Maker and model. */
  readonly camera?: string;
  readonly lens?: string;
  readonly iso?: number;
  /** The f-number. */
  readonly aperture?: number;
  /** In seconds. */
  readonly exposureTime?: number;
  /** In stops, as a bracket is made by. */
  readonly exposureBias?: number;
  /** EXIF's number, 2 to 8; left out where the picture is stored upright. */
  readonly orientation?: number;
  /** Pixels across of the upright picture; of a RAW file, of its sensor's. */
  readonly width?: number;
  readonly height?: number;
  /** Stars that the file itself holds, 1 to 5; -1: rejected. */
  readonly rating?: number;
}

/** Formats whose header sharp reads: EXIF and XMP come out as they are. */
const FAST = ["JPEG", "PNG", "WebP", "AVIF", "HEIC", "GIF"];

/**
 * What a photo's file says of itself. A damaged part of its metadata is left out; a file without any gives its size alone.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; IMAGE_UNSUPPORTED where only exiftool reads the format, and cannot run
 */
export async function readMetadata(file: string): Promise<PhotoMetadata> {
  const format = sniffFormat(await headOf(file));
  const fast = typeof format === "string" && FAST.includes(format) ? await fastMetadata(file) : undefined;
  return fast ?? fromTags(await readTags(file, TAGS));
}

async function headOf(file: string): Promise<Uint8Array> {
  try {
    await using handle = await openRegular(pathOfName(file));
    const head = Buffer.alloc(SNIFF_BYTES);
    const { bytesRead } = await handle.read(head, 0, SNIFF_BYTES, 0);
    return head.subarray(0, bytesRead);
  } catch (cause) {
    throw readError(readableName(file), cause);
  }
}

/** Undefined where sharp does not know its way: exiftool may. */
async function fastMetadata(file: string): Promise<PhotoMetadata | undefined> {
  if (typeof pathOfName(file) !== "string") return undefined;
  const sharp = await loadSharp();
  const header = await sharp(file, { limitInputPixels: false, failOn: "none" })
    .metadata()
    .catch(() => undefined);
  return header && fromHeader(header);
}

function fromHeader(header: Metadata): PhotoMetadata {
  const exif = attempt(() => header.exif && exifReader(header.exif));
  const xmp = attempt(() => header.xmp && Packet.read(withoutPadding(header.xmp), "XMP"));
  const orientation = turnOf(header.orientation);
  const { width, height } = header.autoOrient;
  return {
    ...merged(fromXmp(xmp), fromExif(exif)),
    ...(orientation ? { orientation } : {}),
    ...{ width, height },
  };
}

/** A broken part is none. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Some writers end the packet with zeros. */
function withoutPadding(xmp: Buffer): Buffer {
  const end = xmp.indexOf(0);
  return end === -1 ? xmp : xmp.subarray(0, end);
}

/** The stars of XMP, which programs keep, before those of EXIF; for all else EXIF, which the camera wrote. */
function merged(xmp: PhotoMetadata, exif: PhotoMetadata): PhotoMetadata {
  const { rating } = xmp;
  const [offset, taken] = [exif.taken ? exif.offset : xmp.offset, exif.taken ?? xmp.taken];
  const { offset: _, ...others } = { ...xmp, ...exif };
  return { ...others, ...(taken && offset ? { offset } : {}), ...(rating === undefined ? {} : { rating }) };
}

function turnOf(orientation: unknown): number | undefined {
  const number = Number(orientation);
  return Number.isInteger(number) && number >= 2 && number <= 8 ? number : undefined;
}

type Exif = ReturnType<typeof exifReader>;

function fromExif(exif: Exif | undefined | false | ""): PhotoMetadata {
  if (!exif) return {};
  const image: Readonly<Record<string, unknown>> = exif.Image ?? {};
  const photo: Readonly<Record<string, unknown>> = exif.Photo ?? {};
  const original = { date: photo.DateTimeOriginal, subsec: photo.SubSecTimeOriginal, offset: photo.OffsetTimeOriginal };
  const digital = {
    date: photo.DateTimeDigitized,
    subsec: photo.SubSecTimeDigitized,
    offset: photo.OffsetTimeDigitized,
  };
  const time = isoTime(original) ?? isoTime(digital);
  return known({
    ...time,
    camera: cameraOf(image.Make, image.Model),
    lens: textOf(photo.LensModel),
    iso: positive(firstOf(photo.ISOSpeedRatings)),
    aperture: positive(photo.FNumber),
    exposureTime: positive(photo.ExposureTime),
    exposureBias: finite(photo.ExposureBiasValue),
    rating: starsOf(image.Rating),
  });
}

interface Time {
  readonly taken: string;
  readonly offset?: string;
}

function isoTime({ date, subsec, offset }: Record<"date" | "subsec" | "offset", unknown>): Time | undefined {
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) return undefined;
  const seconds = date.toISOString().slice(0, 19);
  const digits = /^\d+/.exec(textOf(subsec) ?? "")?.[0];
  return withOffset(digits === undefined ? seconds : `${seconds}.${digits}`, offset);
}

function withOffset(taken: string, offset: unknown): Time {
  const [found] = /^[+-]\d\d:\d\d$/.exec(textOf(offset) ?? "") ?? [];
  return { taken, ...(found === undefined ? {} : { offset: found }) };
}

const EXIF_URI = { uri: "http://ns.adobe.com/exif/1.0/", prefix: "exif" };
const XMP_URI = { uri: "http://ns.adobe.com/xap/1.0/", prefix: "xmp" };
const AUX_URI = { uri: "http://ns.adobe.com/exif/1.0/aux/", prefix: "aux" };
const PHOTOSHOP_URI = { uri: "http://ns.adobe.com/photoshop/1.0/", prefix: "photoshop" };
const TIFF_URI = { uri: "http://ns.adobe.com/tiff/1.0/", prefix: "tiff" };

const DATES: readonly Property[] = [
  { ...EXIF_URI, name: "DateTimeOriginal" },
  { ...PHOTOSHOP_URI, name: "DateCreated" },
  { ...XMP_URI, name: "CreateDate" },
];

function fromXmp(packet: Packet | undefined | false | ""): PhotoMetadata {
  if (!packet) return {};
  const time = DATES.map((property) => xmpTime(packet.get(property))).find((found) => found !== undefined);
  return known({
    ...time,
    camera: cameraOf(packet.get({ ...TIFF_URI, name: "Make" }), packet.get({ ...TIFF_URI, name: "Model" })),
    lens: textOf(packet.get({ ...AUX_URI, name: "Lens" })),
    rating: starsOf(packet.get({ ...XMP_URI, name: "Rating" })),
  });
}

/** XMP's and exiftool's dates: with `-` or `:` between year and month, `T` or a space before the time. */
function xmpTime(text: unknown): Time | undefined {
  const pattern = /^(\d{4})[-:](\d\d)[-:](\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?/;
  const [, year, month, day, minutes, seconds = ":00", zone] = pattern.exec(typeof text === "string" ? text : "") ?? [];
  if (year === undefined || year === "0000") return undefined;
  return withOffset(`${year}-${month}-${day}T${minutes}${seconds}`, zone === "Z" ? "+00:00" : zone);
}

const TAGS = [
  ...["SubSecDateTimeOriginal", "DateTimeOriginal", "SubSecCreateDate", "CreateDate", "OffsetTimeOriginal"],
  ...["Make", "Model", "LensModel", "Lens", "ISO", "FNumber", "ExposureTime", "ExposureCompensation"],
  ...["Orientation", "ImageWidth", "ImageHeight", "Rating"],
];

function fromTags(tags: ExifTags): PhotoMetadata {
  const dates = [tags.SubSecDateTimeOriginal, tags.DateTimeOriginal, tags.SubSecCreateDate, tags.CreateDate];
  const time = dates.map(xmpTime).find((found) => found !== undefined);
  const orientation = turnOf(tags.Orientation);
  const [across, down] = [positive(tags.ImageWidth), positive(tags.ImageHeight)];
  const turned = orientation !== undefined && orientation >= 5;
  return known({
    ...(time && { ...time, ...withOffset(time.taken, time.offset ?? tags.OffsetTimeOriginal) }),
    camera: cameraOf(tags.Make, tags.Model),
    lens: textOf(tags.LensModel) ?? textOf(tags.Lens),
    iso: positive(tags.ISO),
    aperture: positive(tags.FNumber),
    exposureTime: positive(tags.ExposureTime),
    exposureBias: finite(tags.ExposureCompensation),
    orientation,
    width: turned ? down : across,
    height: turned ? across : down,
    rating: starsOf(tags.Rating),
  });
}

/** Without what is not known. */
function known(values: { readonly [name in keyof PhotoMetadata]: PhotoMetadata[name] | undefined }): PhotoMetadata {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** "Canon EOS R5", not "Canon Canon EOS R5". */
function cameraOf(make: unknown, model: unknown): string | undefined {
  const [maker, name] = [textOf(make), textOf(model)];
  if (maker === undefined || name === undefined) return name ?? maker;
  const [brand = ""] = maker.split(" ");
  return name.toLowerCase().startsWith(brand.toLowerCase()) ? name : `${maker} ${name}`;
}

/** EXIF's texts end in zeros or spaces, and may be UTF-8 where it asks for ASCII. */
function textOf(value: unknown): string | undefined {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : value;
  if (typeof text !== "string") return undefined;
  const [plain = ""] = text.split("\0");
  return plain.replaceAll(/\p{Cc}/gu, " ").trim() || undefined;
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? (value as unknown[])[0] : value;
}

function finite(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function positive(value: unknown): number | undefined {
  const number = finite(value);
  return number !== undefined && number > 0 ? number : undefined;
}

/** None for 0, which is no star. */
function starsOf(value: unknown): number | undefined {
  const stars = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof stars === "number" && (stars === -1 || (stars > 0 && stars <= 5)) ? stars : undefined;
}
