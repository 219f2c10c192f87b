/** Photos to pixels, by the browser's decoders. */
import type { RgbImage } from "../../src/image/types.js";
import { pixelsIn, turnOf, type Orientation } from "./header.js";

/** Larger files are no photos. */
const MOST_BYTES = 2 ** 28;
/** Four bytes each, twice. */
const MOST_PIXELS = 100e6;
/** Longest side of a thumbnail in pixels. */
const THUMBNAIL = 480;

export interface Opened {
  readonly image: RgbImage;
  readonly thumbnail: Blob;
}

/**
 * The picture upright, in sRGB, laid on white.
 *
 * @throws Error for what is no picture, or too large
 */
export async function openPicture(file: Blob): Promise<Opened> {
  if (file.size === 0) throw new Error("The file is empty.");
  if (file.size > MOST_BYTES)
    throw new Error(`The file has ${millions(file.size)} MB; at most ${millions(MOST_BYTES)} are read.`);
  refuseLarge((await pixelsIn(file)) ?? 0);
  const turned = await turnOf(file);
  const bitmap = await createImageBitmap(turned.file).catch(() => {
    throw new Error(
      "This is no picture that this browser reads, or it is damaged. It reads JPEG, PNG, WebP, AVIF and GIF.",
    );
  });
  try {
    refuseLarge(bitmap.width * bitmap.height);
    const upright = uprightOf(bitmap, turned.orientation);
    return { image: pixelsOf(upright), thumbnail: await thumbnailOf(upright) };
  } finally {
    bitmap.close();
  }
}

function millions(count: number): number {
  return Math.round(count / 1e6);
}

function refuseLarge(pixels: number): void {
  if (pixels > MOST_PIXELS)
    throw new Error(`The picture has ${millions(pixels)} million pixels; at most ${millions(MOST_PIXELS)} are scored. Export it smaller.`); // prettier-ignore
}

/** A decoded picture with how it is turned, and its size upright. */
interface Upright {
  readonly bitmap: ImageBitmap;
  readonly orientation: Orientation;
  readonly width: number;
  readonly height: number;
}

function uprightOf(bitmap: ImageBitmap, orientation: Orientation): Upright {
  const { width, height } = bitmap;
  return orientation < 5
    ? { bitmap, orientation, width, height }
    : { bitmap, orientation, width: height, height: width };
}

function pixelsOf(picture: Upright): RgbImage {
  const { width, height } = picture;
  const { data: from } = drawn(picture, width, height).getImageData(0, 0, width, height);
  const data = new Uint8Array(3 * width * height);
  for (let i = 0, to = 0; i < from.length; i += 4) {
    data[to++] = from[i] as number;
    data[to++] = from[i + 1] as number;
    data[to++] = from[i + 2] as number;
  }
  return { width, height, data };
}

/** Where a turned picture's axes and corner go, by its orientation; the corner in widths and heights. */
const TURNS: readonly (readonly [a: number, b: number, c: number, d: number, e: number, f: number])[] = [
  ...([[1, 0, 0, 1, 0, 0], [-1, 0, 0, 1, 1, 0], [-1, 0, 0, -1, 1, 1], [1, 0, 0, -1, 0, 1]] as const),
  ...([[0, 1, 1, 0, 0, 0], [0, 1, -1, 0, 1, 0], [0, -1, -1, 0, 1, 1], [0, -1, 1, 0, 0, 1]] as const),
]; // prettier-ignore

function drawn({ bitmap, orientation }: Upright, width: number, height: number): OffscreenCanvasRenderingContext2D {
  // Read back at once: a canvas of the graphics card may round.
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser has no memory for the picture. Close other tabs, or export it smaller.");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const [a, b, c, d, e, f] = TURNS[orientation - 1] as (typeof TURNS)[number];
  context.setTransform(a, b, c, d, e * width, f * height);
  context.drawImage(bitmap, 0, 0, ...(orientation < 5 ? ([width, height] as const) : ([height, width] as const)));
  return context;
}

function thumbnailOf(picture: Upright): Promise<Blob> {
  const scale = Math.min(1, THUMBNAIL / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number]; // prettier-ignore
  return drawn(picture, width, height).canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}
