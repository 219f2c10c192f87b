/**
 * Pictures cut into square tiles, also where there is no libtorch: `dynamic_preprocess` of the original code and
 * `crop_to_patches` of transformers' GotOcr2ImageProcessor, which do the same.
 */
import type { Size } from "../../image/geometry.js";
import { resizeAsync, resizeBicubic, uprightSize } from "../../image/resize.js";
import type { RgbImage, StoredImage } from "../../image/types.js";
import type { ImageInputs } from "../types.js";

/** How pictures become tiles, as plain data. */
export interface TileSteps {
  /** Side of a tile in pixels. */
  readonly size: number;
  /** Tiles of a picture at least and at most, its thumbnail aside; at most 1: the picture is squashed into one. */
  readonly min: number;
  readonly max: number;
  /** Whether a picture of several tiles is also there as a whole, squashed into one more tile, the last. */
  readonly thumbnail: boolean;
}

/** Tiles across and down. */
export type TileGrid = readonly [columns: number, rows: number];

/**
 * The grid whose ratio of sides is nearest to the picture's; of those equally near the smallest one, except that a larger one
 * is taken where the picture has more than half of its pixels.
 */
export function gridOf({ width, height }: Size, { size, min, max }: TileSteps): TileGrid {
  let best: TileGrid = [1, 1];
  let least = Infinity;
  for (const grid of gridsOf(min, max)) {
    const [columns, rows] = grid;
    const distance = Math.abs(width / height - columns / rows);
    const isLarge = width * height > 0.5 * size * size * columns * rows;
    if (distance < least || (distance === least && isLarge)) best = grid;
    least = Math.min(least, distance);
  }
  return best;
}

/** All of them by their number of tiles; of as many tiles, the narrower first. */
function gridsOf(min: number, max: number): TileGrid[] {
  const grids: TileGrid[] = [];
  for (let columns = 1; columns <= max; columns++) {
    for (let rows = 1; columns * rows <= max; rows++) if (columns * rows >= min) grids.push([columns, rows]);
  }
  return grids.sort((a, b) => a[0] * a[1] - b[0] * b[1]);
}

/** The sizes that a picture is resized to: that of its grid, and the thumbnail's where there is one. */
function sizesOf(picture: RgbImage | StoredImage, steps: TileSteps): { whole: Size; thumbnail: Size | undefined } {
  const { size } = steps;
  const [columns, rows] = steps.max > 1 ? gridOf(uprightSize(picture), steps) : [1, 1];
  const isCut = steps.thumbnail && columns * rows > 1;
  return {
    whole: { width: columns * size, height: rows * size },
    thumbnail: isCut ? { width: size, height: size } : undefined,
  };
}

/** A picture's tiles, row by row and the thumbnail last, as one picture: one above the other. */
export function tilesOf(picture: RgbImage | StoredImage, steps: TileSteps): RgbImage {
  const { whole, thumbnail } = sizesOf(picture, steps);
  return stacked(resizeBicubic(picture, whole), thumbnail && resizeBicubic(picture, thumbnail), steps.size);
}

/** {@link tilesOf}, computed off the thread. */
async function tilesOfAsync(picture: RgbImage | StoredImage, steps: TileSteps): Promise<RgbImage> {
  const { whole, thumbnail } = sizesOf(picture, steps);
  const small = thumbnail ? resizeAsync(picture, thumbnail) : Promise.resolve(undefined);
  const [large, last] = await Promise.all([resizeAsync(picture, whole), small]);
  return stacked(large, last, steps.size);
}

function stacked(whole: RgbImage, thumbnail: RgbImage | undefined, size: number): RgbImage {
  if (whole.width === size && !thumbnail) return whole;
  const columns = whole.width / size;
  const tiles = columns * (whole.height / size) + (thumbnail ? 1 : 0);
  const line = size * 3;
  const data = new Uint8Array(tiles * size * line);
  for (let y = 0; y < whole.height; y++) {
    const [row, inside] = [Math.floor(y / size), y % size];
    for (let column = 0; column < columns; column++) {
      const from = (y * columns + column) * line;
      data.set(whole.data.subarray(from, from + line), ((row * columns + column) * size + inside) * line);
    }
  }
  if (thumbnail) data.set(thumbnail.data, (tiles - 1) * size * line);
  return { width: size, height: tiles * size, data };
}

/** `prepareBy()` of InternVL. */
export function prepareTiles(steps: unknown): Promise<ImageInputs["prepare"]> {
  return Promise.resolve((picture) => tilesOfAsync(picture, steps as TileSteps));
}
