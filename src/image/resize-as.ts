/** Resizes by the filter that a system was trained with, byte for byte as today's Pillow (13). */
import { resizeBilinear } from "./bilinear.js";
import type { Size } from "./geometry.js";
import { checkTarget, resizeAsync, uprightSize } from "./resize.js";
import type { RgbImage, StoredImage } from "./types.js";

/** How a resize mixes the pixels that become one. */
export const PIXEL_FILTERS = ["bicubic", "bilinear", "nearest"] as const;
export type PixelFilter = (typeof PIXEL_FILTERS)[number];

/**
 * The picture upright in another size.
 *
 * @throws RocError USAGE for an empty or fractional size
 */
export async function resizeAs(picture: RgbImage | StoredImage, size: Size, filter: PixelFilter): Promise<RgbImage> {
  if (filter === "bicubic") return resizeAsync(picture, size, { passes: "pillow13" });
  if (filter === "bilinear") return resizeBilinear(picture, size, "pillow13");
  checkTarget(picture, size);
  // A resize to its own size turns it and changes no pixel.
  return nearest(await resizeAsync(picture, uprightSize(picture)), size);
}

/** Where the pixels of a side are taken. Steps of a fraction are added up as Pillow adds them, whose rounding decides at edges. */
function places(length: number, into: number): Int32Array {
  const step = length / into;
  const found = new Int32Array(into);
  let at = step * 0.5;
  for (let i = 0; i < into; i++) {
    found[i] = Math.min(length - 1, Math.floor(at));
    at += step;
  }
  return found;
}

function nearest({ width, height, data: from }: RgbImage, size: Size): RgbImage {
  const [columns, rows] = [places(width, size.width), places(height, size.height)];
  const data = new Uint8Array(size.width * size.height * 3);
  let to = 0;
  for (const row of rows) {
    for (const column of columns) {
      const at = (row * width + column) * 3;
      data[to++] = from[at] as number;
      data[to++] = from[at + 1] as number;
      data[to++] = from[at + 2] as number;
    }
  }
  return { width: size.width, height: size.height, data };
}
