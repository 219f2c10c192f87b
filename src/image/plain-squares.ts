/**
 * Pictures made squares without native code, as the image processor of processor.ts makes them, to the byte. Loads nothing: a page
 * in the browser does it.
 */
import { centerCrop, shortestEdgeSize, squareCanvas, type Rgb, type Size } from "./geometry.js";
import { BICUBIC, resizedBy } from "./kernels.js";
import type { RgbImage } from "./types.js";

/** What is done to a picture, in this order. */
export interface PlainSteps {
  /** Laid on a square of this colour first; null: not. */
  readonly pad: Rgb | null;
  /** Target of the resize: the shorter edge, or both sides. */
  readonly resize: { readonly shortestEdge: number } | Size;
  /** Cut out of the middle; null: all of it stays. */
  readonly crop: Size | null;
}

/** @param image upright */
export function plainSquare(image: RgbImage, { pad, resize, crop }: PlainSteps): RgbImage {
  const whole = pad ? padded(image, pad) : image;
  const size = "width" in resize ? resize : shortestEdgeSize(whole, resize.shortestEdge);
  const resized = resizedBy(whole, size, BICUBIC);
  return crop ? centerCrop(resized, crop) : resized;
}

function padded(image: RgbImage, color: Rgb): RgbImage {
  const { width, height, left, top } = squareCanvas(image, color);
  if (width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = color[i % 3] as number;
  const row = image.width * 3;
  for (let y = 0; y < image.height; y++) {
    data.set(image.data.subarray(y * row, (y + 1) * row), ((top + y) * width + left) * 3);
  }
  return { width, height, data };
}
