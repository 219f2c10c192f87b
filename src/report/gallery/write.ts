/** Writes the gallery of scored photos: thumbnails, page, file. */
import { dirname, relative, sep } from "node:path";
import type { ScoreFailure } from "../../engine/index.js";
import { RocError } from "../../errors.js";
import { writeOutput } from "../../files/index.js";
import { pathOfName } from "../../image/index.js";
import { thumbnailOf, type ThumbnailOptions } from "../thumbnails.js";
import { GALLERY, galleryPage, type Gallery, type GalleryPhoto } from "./page.js";

/** What a photo's file says of itself. */
export type PhotoFacts = Pick<GalleryPhoto, "exif" | "taken">;

export interface GalleryOptions extends Pick<Gallery, "scores" | "worth" | "calibration"> {
  /** Best first. */
  readonly results: readonly GalleryPhoto["result"][];
  readonly failures: readonly ScoreFailure[];
  /** The file of a result; undefined where it came as bytes. */
  readonly pathOf: (name: string) => string | undefined;
  /** File of the map of what moves the score; default: there is none. */
  readonly heatOf?: ((result: GalleryPhoto["result"]) => string | undefined) | undefined;
  /** Default: nothing is known. */
  readonly factsOf?: ((file: string) => Promise<PhotoFacts>) | undefined;
  /** Of a photo at most, as {@link ThumbnailOptions.maxPixels}. */
  readonly maxPixels?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of photos that are ready. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** A browser opens no page of gigabytes. */
const MOST_PHOTOS = 20_000;
const TOGETHER = 4;

/** The more photos, the smaller: by up to how many. */
const SIZES: readonly (ThumbnailOptions & { readonly upTo: number })[] = [
  { upTo: 1000, side: 480, quality: 60 },
  { upTo: 5000, side: 320, quality: 55 },
  { upTo: MOST_PHOTOS, side: 240, quality: 50 },
];

/**
 * Writes the page. Thumbnails have 480 pixels on the long edge, of more than 1,000 photos 320, of more than 5,000 240.
 *
 * @returns its size, and how many photos it shows: the best 20,000
 * @throws RocError FILE_UNWRITABLE, ABORTED; USAGE where the file is there and is no gallery
 */
export async function writeGallery(file: string, options: GalleryOptions): Promise<{ bytes: number; photos: number }> {
  const { scores, worth, calibration, failures, signal, onProgress } = options;
  const results = options.results.slice(0, MOST_PHOTOS);
  const size = SIZES.find(({ upTo }) => results.length <= upTo) ?? { side: 240, quality: 50 };
  const photos: GalleryPhoto[] = [];
  for (let at = 0; at < results.length; at += TOGETHER) {
    if (signal?.aborted) throw new RocError("ABORTED", `Stopped: ${file} was not written.`);
    const some = results.slice(at, at + TOGETHER);
    photos.push(...(await Promise.all(some.map((result) => photoOf(result, dirname(file), size, options)))));
    onProgress?.(photos.length);
  }
  const bytes = photos.reduce((sum, { thumbnail }) => sum + (thumbnail?.address.length ?? 0), 0);
  const mean = Math.max(1, Math.round(bytes / Math.max(photos.length, 1) / 1000));
  const thumbnails = `Thumbnails are JPEG of quality ${size.quality}, ${size.side} pixels on the long edge, ${mean} kB a photo.`;
  const page = Buffer.from(galleryPage({ photos, failures, scores, worth, calibration, thumbnails }));
  await writeOutput(file, GALLERY, page);
  return { bytes: page.length, photos: photos.length };
}

async function photoOf(
  result: GalleryPhoto["result"],
  folder: string,
  size: ThumbnailOptions,
  { pathOf, factsOf, heatOf, maxPixels }: GalleryOptions,
): Promise<GalleryPhoto> {
  const path = pathOf(result.file);
  if (path === undefined) return { result, thumbnail: undefined };
  const map = heatOf?.(result);
  const [thumbnail, facts, heat] = await Promise.all([
    thumbnailOf(path, { ...size, maxPixels }),
    factsOf?.(path).catch(() => undefined),
    map === undefined ? undefined : thumbnailOf(map, size),
  ]);
  return { result, thumbnail, href: addressOf(path, folder), ...facts, ...(heat && { heat }) };
}

/** A relative address, byte by byte: names may hold anything. */
function addressOf(path: string, folder: string): string {
  const bytes = Buffer.from(pathOfName(relative(folder, path).split(sep).join("/")));
  const text = [...bytes].map((byte) => {
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9/._~-]/.test(character) ? character : `%${byte.toString(16).padStart(2, "0").toUpperCase()}`;
  });
  return `./${text.join("")}`;
}
