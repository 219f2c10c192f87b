/**
 * Pillow's bilinear resize of 8-bit pictures, to the byte (`Resample.c`, BILINEAR, 8 bits per channel), its passes in
 * the order that passes.ts tells. It is what torchvision's `Resize` does by default.
 */
import type { Size } from "./geometry.js";
import { BILINEAR, resizedBy } from "./kernels.js";
import { goesDownFirst, type PassOrder } from "./passes.js";
import { checkTarget, resizeAsync, uprightSize } from "./resize.js";
import type { RgbImage, StoredImage } from "./types.js";

/**
 * Resizes to `size`, byte for byte as Pillow's `resize(size, BILINEAR)` does; the result is upright.
 *
 * @param order of the passes
 * @throws RocError USAGE for an empty or fractional size; OUT_OF_MEMORY
 */
export async function resizeBilinear(
  picture: RgbImage | StoredImage,
  size: Size,
  order: PassOrder = "across",
): Promise<RgbImage> {
  checkTarget(picture, size);
  // Native code turns it: a resize to the same size changes no pixel.
  const turned = await resizeAsync(picture, uprightSize(picture));
  return resizedBy(turned, size, BILINEAR, order === "pillow13" && goesDownFirst(turned, size));
}
