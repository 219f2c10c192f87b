/** Image patches as rows. */
import { RocError } from "../errors.js";
import type { Tensor } from "../torch/index.js";

export interface PatchGrid {
  readonly channels: number;
  /** Side of the images in pixels. */
  readonly imageSize: number;
  readonly patchSize: number;
}

/**
 * The patches of square images in row-major order, each flattened as `(channel, y, x)`.
 *
 * A convolution whose stride equals its kernel size is a linear layer on these rows (which avoids TF32 in cuDNN).
 *
 * @param pixels `[images, channels, imageSize, imageSize]`
 * @returns `[images, patches, channels * patchSize²]`; pixels beyond the last whole patch are left out
 * @throws RocError USAGE for images of a different size
 */
export function patchRows(pixels: Tensor, { channels, imageSize, patchSize }: PatchGrid): Tensor {
  const [images = 0, ...shape] = pixels.shape;
  if (shape.join() !== [channels, imageSize, imageSize].join()) {
    const asked = `[images, ${channels}, ${imageSize}, ${imageSize}]`;
    throw new RocError("USAGE", `pixelValues has the shape [${pixels.shape.join(", ")}]; the model takes ${asked}.`);
  }
  const side = Math.floor(imageSize / patchSize);
  const used = side * patchSize;
  return pixels
    .slice(2, 0, used)
    .slice(3, 0, used)
    .reshape(images, channels, side, patchSize, side, patchSize)
    .permute(0, 2, 4, 1, 3, 5)
    .reshape(images, side * side, channels * patchSize * patchSize);
}
