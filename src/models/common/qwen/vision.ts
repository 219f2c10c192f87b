/** What the vision towers of Qwen's families share: grids of patches, and places turned into q and k. */
import { RocError } from "../../../errors.js";
import { inverseFrequencies, sectionedRopeTable, type Rope, type RowSpan } from "../../../nn/index.js";
import { fromTypedArray } from "../../../torch/index.js";
import type { Grid } from "./positions.js";

/** Rows and columns of patches turned into q and k, in float32 whatever the model's dtype, as the references do. */
export class PatchRope {
  readonly #frequencies: Float32Array;
  readonly #half: number;

  /** The same frequencies for the row as for the column, each for half of a head's. */
  constructor(headDim: number, theta: number) {
    const half = inverseFrequencies(headDim / 2, theta);
    this.#half = half.length;
    this.#frequencies = Float32Array.from([...half, ...half]);
  }

  /**
   * The factors of patches.
   *
   * @param places `[2, patches]`: row and column, as of {@link patchPlaces}
   * @param frames how many batches they are seen as
   */
  table(places: Int32Array, frames: number, device: string): Rope {
    const positions = fromTypedArray(places, [2, frames, places.length / 2 / frames], { device });
    return sectionedRopeTable(positions, this.#frequencies, [this.#half, this.#half], "float32");
  }
}

/** Attention stays within a frame; consecutive frames of one size are computed side by side. */
export function frameSpans(grids: readonly Grid[]): RowSpan[] {
  return joinSpans(grids.map(([frames, height, width]) => ({ rows: height * width, count: frames })));
}

/** Neighbours of one size as one span. */
export function joinSpans(parts: Iterable<RowSpan>): RowSpan[] {
  const spans: { rows: number; count: number }[] = [];
  for (const { rows, count } of parts) {
    const last = spans.at(-1);
    if (last?.rows === rows) last.count += count;
    else spans.push({ rows, count });
  }
  return spans;
}

/** Row and column of every patch, `[2, patches]`, block by block as the patches are ordered. */
export function patchPlaces(grids: readonly Grid[], merge: number): Int32Array {
  const patches = grids.reduce((sum, [frames, height, width]) => sum + frames * height * width, 0);
  const positions = new Int32Array(2 * patches);
  let at = 0;
  for (const [frames, height, width] of grids) {
    for (let frame = 0; frame < frames; frame++) {
      for (let top = 0; top < height; top += merge) {
        for (let left = 0; left < width; left += merge) {
          for (let inside = 0; inside < merge ** 2; inside++, at++) {
            positions[at] = top + Math.floor(inside / merge);
            positions[patches + at] = left + (inside % merge);
          }
        }
      }
    }
  }
  return positions;
}

/** @param values of a patch; @throws RocError USAGE where patches and grids do not go together */
export function checkGrids(
  [found = 0, size]: readonly number[],
  grids: readonly Grid[],
  values: number,
  merge: number,
): void {
  const wrong = grids.find(([t, h, w]) => !(t > 0 && h > 0 && w > 0) || h % merge !== 0 || w % merge !== 0);
  const asked = grids.reduce((sum, [t, h, w]) => sum + t * h * w, 0);
  if (wrong) throw new RocError("USAGE", `imageGridThw holds [${wrong.join(", ")}]: sides are multiples of ${merge}.`);
  if (found === asked && size === values) return;
  const text = `pixelValues is [${found}, ${size}], the grids and the model ask for [${asked}, ${values}]`;
  throw new RocError("USAGE", `${text}. Make both with the processor's images().`);
}
