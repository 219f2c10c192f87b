/** Learned places of patches, for grids of any size: a square table, interpolated. */
import type { Params } from "../../../nn/index.js";
import { aten, fromTypedArray, type Tensor } from "../../../torch/index.js";
import type { Grid } from "./positions.js";

const embedding = aten("embedding");

/** The two neighbours of each step of an axis, and how much each of them counts. */
interface Taps {
  readonly at: readonly [Int32Array, Int32Array];
  readonly weights: readonly [Float32Array, Float32Array];
}

export class PlaceTable {
  readonly #table: Tensor;
  readonly #side: number;

  /** @param rows of the table; its side is the whole part of their root, as in transformers */
  constructor(params: Params, rows: number, hiddenSize: number) {
    this.#table = params.get("weight", [rows, hiddenSize], { std: 0.02 });
    this.#side = Math.floor(Math.sqrt(rows));
  }

  /**
   * What is added to patches: the table stretched over each grid, corner on corner, bilinear. In float32, or wider where the
   * table is.
   *
   * @param places `[2, patches]`: row and column of every patch of the grids
   * @returns `[patches, hiddenSize]`
   */
  of(places: Int32Array, grids: readonly Grid[], device: string): Tensor {
    const count = places.length / 2;
    const corners = Array.from({ length: 4 }, () => ({ at: new Int32Array(count), weights: new Float32Array(count) }));
    let start = 0;
    for (const [frames, height, width] of grids) {
      const [rows, columns] = [axisTaps(height, this.#side), axisTaps(width, this.#side)];
      const end = start + frames * height * width;
      for (const [c, { at, weights }] of corners.entries()) {
        const [low, left] = [c >> 1, c & 1] as [0 | 1, 0 | 1];
        for (let i = start; i < end; i++) {
          const [row, column] = [places[i] ?? 0, places[count + i] ?? 0];
          at[i] = (rows.at[low][row] ?? 0) * this.#side + (columns.at[left][column] ?? 0);
          weights[i] = (rows.weights[low][row] ?? 0) * (columns.weights[left][column] ?? 0);
        }
      }
      start = end;
    }
    // One corner after the other: all four side by side take four times the memory of the patches.
    return corners
      .map(({ at, weights }) => {
        const part = embedding(this.#table, fromTypedArray(at, [count], { device }));
        return part.mul(fromTypedArray(weights, [count, 1], { device }));
      })
      .reduce((sum, part) => sum.add(part));
  }
}

/** In float32 in transformers' order of operations, so that the weights are the same to the bit. */
function axisTaps(length: number, side: number): Taps {
  const [low, high] = [new Int32Array(length), new Int32Array(length)];
  const [ofLow, ofHigh] = [new Float32Array(length), new Float32Array(length)];
  for (let i = 0; i < length; i++) {
    const place = Math.fround((i * (side - 1)) / Math.max(length - 1, 1));
    const below = Math.floor(place);
    const distance = place - below;
    low[i] = below;
    high[i] = Math.min(below + 1, side - 1);
    ofLow[i] = Math.fround(1 - distance);
    ofHigh[i] = Math.fround(1 - Math.fround(1 - distance));
  }
  return { at: [low, high], weights: [ofLow, ofHigh] };
}
