/** Pictures of the library as browsers show them. Only what is a picture by its first bytes is sent. */
import type { FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Sharp } from "sharp";
import { RocError } from "../errors.js";
import { openRegular, readError } from "../files/index.js";
import { decodeImage, loadSharp, pathOfName } from "../image/index.js";
import { SNIFF_BYTES, sniffFormat, type ImageFormat } from "../image/sniff.js";
import type { Photo } from "../library/catalog.js";

/** Formats that browsers show, turned as their EXIF says. */
const TYPES: Partial<Readonly<Record<ImageFormat, string>>> = {
  JPEG: "image/jpeg",
  PNG: "image/png",
  WebP: "image/webp",
  AVIF: "image/avif",
  GIF: "image/gif",
};

/** Pictures that are made smaller at a time. */
const AT_A_TIME = 4;
/** Of small pictures that are kept. */
const MOST_BYTES = 64 * 2 ** 20;
const QUALITY = 82;
const FULL_QUALITY = 92;

/** Small pictures, made when they are asked for; the latest ones are kept. */
export class Thumbnails {
  readonly #kept = new Map<string, Buffer>();
  #bytes = 0;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** A JPEG of a photo, upright, whose longer edge has `size` pixels at most. @throws RocError as `decodeImage()` */
  async of(photo: Photo, size: number, signal: AbortSignal): Promise<Buffer> {
    const key = `${photo.digest ?? `${photo.id} ${photo.modified}`} ${size}`;
    const kept = this.#kept.get(key);
    if (kept) return kept;
    await this.#turn();
    try {
      if (signal.aborted) throw new RocError("ABORTED", "The client has gone.");
      const made = await smaller(photo.file, size, signal);
      this.#keep(key, made);
      return made;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #turn(): Promise<void> {
    if (this.#running >= AT_A_TIME) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
  }

  #keep(key: string, bytes: Buffer): void {
    // Another request may have made the same one meanwhile.
    this.#bytes += bytes.length - (this.#kept.get(key)?.length ?? 0);
    this.#kept.set(key, bytes);
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= MOST_BYTES) break;
      this.#kept.delete(oldest);
      this.#bytes -= length;
    }
  }
}

/** JPEGs are decoded at a fraction of their size; what else there is, as it is for scoring. */
async function smaller(file: string, size: number, signal: AbortSignal): Promise<Buffer> {
  const sharp = await loadSharp();
  const box = { width: size, height: size, fit: "inside", withoutEnlargement: true } as const;
  const { handle, format } = await openFile(file);
  await using _ = handle;
  if (format === "JPEG") {
    const bytes = await handle.readFile({ signal });
    return await jpegOf(sharp(bytes, { failOn: "none" }).rotate().resize(box), QUALITY);
  }
  return await jpegOf((await decoded(file, signal)).resize(box), QUALITY);
}

/** A photo in full size: its own file where browsers show it. @throws RocError FILE_NOT_FOUND, IMAGE_UNSUPPORTED */
export async function openPicture(
  photo: Photo,
  signal: AbortSignal,
): Promise<{ type: string; body: Readable | Buffer }> {
  const { handle, format } = await openFile(photo.file);
  const type = format && TYPES[format];
  if (type !== undefined) return { type, body: handle.createReadStream({ start: 0, signal }) };
  await handle.close();
  return { type: "image/jpeg", body: await jpegOf(await decoded(photo.file, signal), FULL_QUALITY) };
}

/** @throws RocError IMAGE_BROKEN */
async function jpegOf(picture: Sharp, quality: number): Promise<Buffer> {
  try {
    return await picture.jpeg({ quality }).toBuffer();
  } catch (error) {
    throw new RocError("IMAGE_BROKEN", "The photo's file is damaged.", { cause: error });
  }
}

/** A photo for scoring: the path of what is a file at this time. @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE */
export async function requireFile({ file }: Photo): Promise<string> {
  const { handle } = await openFile(file);
  await handle.close();
  return file;
}

async function decoded(file: string, signal: AbortSignal): Promise<Sharp> {
  const [sharp, { data, width, height }] = await Promise.all([loadSharp(), decodeImage(file, { signal })]);
  return sharp(data, { raw: { width, height, channels: 3 } });
}

interface PhotoFile {
  readonly handle: FileHandle;
  readonly format: ImageFormat | undefined;
}

/** Nobody waits for a pipe that has taken a photo's place. @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE */
async function openFile(file: string): Promise<PhotoFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await openRegular(pathOfName(file));
    return { handle, format: await formatOf(handle) };
  } catch (error) {
    await handle?.close();
    throw readError(file, error, "Scan its folder again.");
  }
}

async function formatOf(handle: FileHandle): Promise<ImageFormat | undefined> {
  const head = Buffer.alloc(SNIFF_BYTES);
  const { bytesRead } = await handle.read(head, 0, SNIFF_BYTES, 0);
  const format = sniffFormat(head.subarray(0, bytesRead));
  return typeof format === "string" ? format : undefined;
}
