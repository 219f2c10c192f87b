/** Batches of images and their parts. */
import type { ImageBatch } from "../models/types.js";

/** Each image as a batch of its own: views that belong to the caller's scope. */
export function splitImages({ pixelValues, imageGridThw }: ImageBatch): ImageBatch[] {
  if (!imageGridThw) {
    return Array.from({ length: pixelValues.size(0) }, (_, i) => ({ pixelValues: pixelValues.narrow(0, i, 1) }));
  }
  let start = 0;
  return imageGridThw.map((grid) => {
    const patches = grid[0] * grid[1] * grid[2];
    start += patches;
    return { pixelValues: pixelValues.narrow(0, start - patches, patches), imageGridThw: [grid] };
  });
}

/** What the prompt of each image needs to know: its grid, in the families that have one. */
export function promptImages({ pixelValues, imageGridThw }: ImageBatch): (ImageBatch | undefined)[] {
  if (!imageGridThw) return Array.from({ length: pixelValues.size(0) }, () => undefined);
  return imageGridThw.map((grid) => ({ pixelValues, imageGridThw: [grid] }));
}
