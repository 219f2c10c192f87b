/** Pictures cut into square tiles: prepared, they are one below the other. */
import { mirrored } from "../../image/geometry.js";
import type { RgbImage } from "../../image/types.js";

/** Where the tiles of a picture are among those below each other. */
export interface TileOrder {
  /** Tiles in a row of the picture. */
  readonly across: number;
  /** Of the first of them; what comes before, and behind the last whole row, is a picture by itself: a thumbnail. */
  readonly first: number;
  /** How many they are. */
  readonly count: number;
}

/** The mirror image of a picture's tiles, left for right: each tile's, in the place of the one across. */
export function mirrorTiles(stack: RgbImage, { across, first, count }: TileOrder): RgbImage {
  const flipped = mirrored(stack);
  const bytes = 3 * stack.width ** 2;
  const data = flipped.data.slice();
  for (let i = 0; i < count; i++) {
    const column = i % across;
    const from = first + i - column + (across - 1 - column);
    data.set(flipped.data.subarray(from * bytes, (from + 1) * bytes), (first + i) * bytes);
  }
  return { ...flipped, data };
}
