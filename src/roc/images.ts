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
  return splitSets(images, new Array<number>(rowsPerImage(images).length).fill(1));
}

/**
 * What each prompt needs to know of its images: their grids or tiles, in the families that have them.
 *
 * @param each how many images a prompt is about
 */
export function promptImages(images: ImageBatch, each = 1): (ImageBatch | undefined)[] {
  const { length } = rowsPerImage(images);
  return Array.from({ length: length / each }, (_, index) => {
    const lists = listsOf(images, index * each, each);
    return Object.keys(lists).length > 0 ? { pixelValues: images.pixelValues, ...lists } : undefined;
  });
}

/** The images of several sets, in reading order, as a batch a set: views that belong to the caller's scope. */
export function splitSets(images: ImageBatch, sizes: readonly number[]): ImageBatch[] {
  const rows = rowsPerImage(images);
  let [start, first] = [0, 0];
  return sizes.map((size) => {
    const length = rows.slice(first, first + size).reduce((sum, count) => sum + count, 0);
    const set = { pixelValues: images.pixelValues.narrow(0, start, length), ...listsOf(images, first, size) };
    [start, first] = [start + length, first + size];
    return set;
  });
}

/** The entries of some images. */
function listsOf({ imageGridThw, secondsPerGrid, tiles, imageSizes }: ImageBatch, index: number, count = 1): Lists {
  const one = <T>(list: readonly T[]): T[] => list.slice(index, index + count);
  return {
    ...(imageGridThw && { imageGridThw: one(imageGridThw) }),
    ...(secondsPerGrid && { secondsPerGrid: one(secondsPerGrid) }),
    ...(tiles && { tiles: one(tiles) }),
    ...(imageSizes && { imageSizes: one(imageSizes) }),
  };
}
