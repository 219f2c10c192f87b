/** What becomes of each picture of a batch. */
import { RocError } from "../../errors.js";
import type { ImageBatch } from "../types.js";
import { planOf, type AnyresRules, type TilePlan } from "./anyres.js";

/**
 * The plan of every picture; undefined for one that is a single tile, as those of a prompt with several are.
 *
 * @throws RocError USAGE where sizes are missing, or tiles are not as many as they ask for
 */
export function plansOf(images: ImageBatch, rules: AnyresRules): (TilePlan | undefined)[] {
  const { imageSizes, tiles = tilesOf(images, rules) } = images;
  if (!imageSizes || imageSizes.length !== tiles.length) {
    const given = imageSizes ? `${imageSizes.length} sizes are given for ${tiles.length}` : "no sizes are given";
    throw new RocError("USAGE", `LLaVA-OneVision's images need imageSizes (image_sizes [images, 2]), but ${given}.`);
  }
  return imageSizes.map((size, index) => {
    const [plan, count] = [planFor(size, rules), tiles[index] ?? 0];
    if (count === 1) return undefined;
    if (count === tilesIn(plan)) return plan;
    const needs = `A picture of ${size[1]} x ${size[0]} pixels is ${tilesIn(plan)} tiles, its thumbnail among them`;
    throw new RocError("USAGE", `${needs}, but has ${count}. Make pictures and sizes with the same image processor.`);
  });
}

/**
 * The tiles of each picture of a batch that does not say it: `[images, tiles, 3, S, S]`, filled up with zeros behind a
 * picture's own, or those of all pictures in sequence.
 */
function tilesOf({ pixelValues, imageSizes = [] }: ImageBatch, rules: AnyresRules): number[] {
  const own = imageSizes.map((size) => tilesIn(planFor(size, rules)));
  if (pixelValues.ndim !== 5) return pixelValues.size(0) === own.length ? own.map(() => 1) : own;
  const [images = 0, most = 0] = pixelValues.shape;
  if (most === 1) return new Array<number>(images).fill(1);
  // Filled up from the second on: a tile of pixels that are all 0 after normalising does not occur.
  const second = pixelValues.select(1, 1).flatten(1).abs().sum(1).toNumbers();
  return second.map((sum, index) => (sum === 0 ? 1 : Math.min(own[index] ?? 1, most)));
}

function planFor([height, width]: readonly [number, number], rules: AnyresRules): TilePlan {
  if (Number.isInteger(height) && Number.isInteger(width) && height > 0 && width > 0)
    return planOf({ height, width }, rules);
  throw new RocError("USAGE", `image_sizes holds [${height}, ${width}]; give [height, width] in pixels.`);
}

function tilesIn({ down, across }: TilePlan): number {
  return down * across + 1;
}
