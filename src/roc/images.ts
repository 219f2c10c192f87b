/** Batches of images and their parts. */
import type { ImageBatch } from "../models/types.js";

/** What of a batch is a list with an entry per image, in the families that have it. */
type Lists = Pick<ImageBatch, "imageGridThw" | "secondsPerGrid" | "tiles" | "imageSizes">;

/** How many rows of a batch's `pixelValues` each of its images is. */
export function rowsPerImage({ pixelValues, imageGridThw, tiles }: ImageBatch): readonly number[] {
  return imageGridThw?.map(([t, h, w]) => t * h * w) ?? tiles ?? new Array<number>(pixelValues.size(0)).fill(1);
}

/** Each image as a batch of its own: views that belong to the caller's scope. */
export function splitImages(images: ImageBatch): ImageBatch[] {
  let start = 0;
  return rowsPerImage(images).map((rows, index) => {
    start += rows;
    return { pixelValues: images.pixelValues.narrow(0, start - rows, rows), ...listsOf(images, index) };
  });
}

/** What the prompt of each image needs to know: its grid or its tiles, in the families that have them. */
export function promptImages(images: ImageBatch): (ImageBatch | undefined)[] {
  return rowsPerImage(images).map((_, index) => {
    const lists = listsOf(images, index);
    return Object.keys(lists).length > 0 ? { pixelValues: images.pixelValues, ...lists } : undefined;
  });
}

/** The entries of one image. */
function listsOf({ imageGridThw, secondsPerGrid, tiles, imageSizes }: ImageBatch, index: number): Lists {
  const one = <T>(list: readonly T[]): T[] => list.slice(index, index + 1);
  return {
    ...(imageGridThw && { imageGridThw: one(imageGridThw) }),
    ...(secondsPerGrid && { secondsPerGrid: one(secondsPerGrid) }),
    ...(tiles && { tiles: one(tiles) }),
    ...(imageSizes && { imageSizes: one(imageSizes) }),
  };
}
