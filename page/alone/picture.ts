/** Photos to pixels, by the browser's decoders. */
import type { RgbImage } from "../../src/image/types.js";

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
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(
      "This is no picture that this browser reads, or it is damaged. It reads JPEG, PNG, WebP, AVIF and GIF.",
    );
  });
  try {
    const { width, height } = bitmap;
    if (width * height > MOST_PIXELS)
      throw new Error(`The picture has ${millions(width * height)} million pixels; at most ${millions(MOST_PIXELS)} are scored. Export it smaller.`); // prettier-ignore
    return { image: pixelsOf(bitmap), thumbnail: await thumbnailOf(bitmap) };
  } finally {
    bitmap.close();
  }
}

function millions(count: number): number {
  return Math.round(count / 1e6);
}

function pixelsOf(bitmap: ImageBitmap): RgbImage {
  const { width, height } = bitmap;
  const { data: from } = drawn(bitmap, width, height).getImageData(0, 0, width, height);
  const data = new Uint8Array(3 * width * height);
  for (let i = 0, to = 0; i < from.length; i += 4) {
    data[to++] = from[i] as number;
    data[to++] = from[i + 1] as number;
    data[to++] = from[i + 2] as number;
  }
  return { width, height, data };
}

function drawn(bitmap: ImageBitmap, width: number, height: number): OffscreenCanvasRenderingContext2D {
  // Read back at once: a canvas of the graphics card may round.
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("This browser has no memory for the picture. Close other tabs, or export it smaller.");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return context;
}

function thumbnailOf(bitmap: ImageBitmap): Promise<Blob> {
  const scale = Math.min(1, THUMBNAIL / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number]; // prettier-ignore
  return drawn(bitmap, width, height).canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 });
}
