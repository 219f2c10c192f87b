/** Pictures made squares whatever their shape, without libtorch: what the systems of one group of authors do before all else. */
import { resizeAs, type PixelFilter, type RgbImage, type StoredImage } from "../../image/index.js";
import type { PictureInputs } from "../types.js";

/** How pictures are made squares. */
export interface SquashSteps {
  readonly filter: PixelFilter;
  /** Pixels of a side of what the network takes, and in a test the picture is resized to. */
  readonly side: number;
  /** Pixels of a side that a picture is resized to in training, of which a square of `side` is cropped; `side`: none is. */
  readonly trainSide: number;
}

/** One below the other: first what training crops, then, where that is larger, what a test takes. */
async function squashed(steps: SquashSteps, picture: RgbImage | StoredImage): Promise<RgbImage> {
  const { filter, side, trainSide } = steps;
  const tested = await resizeAs(picture, { width: side, height: side }, filter);
  if (trainSide === side) return tested;
  const trained = await resizeAs(picture, { width: trainSide, height: trainSide }, filter);
  const data = new Uint8Array(trainSide * (trainSide + side) * 3);
  data.set(trained.data);
  for (let row = 0; row < side; row++) {
    const line = tested.data.subarray(row * side * 3, (row + 1) * side * 3);
    data.set(line, (trainSide + row) * trainSide * 3);
  }
  return { width: trainSide, height: trainSide + side, data };
}

/** `prepareBy()` of these systems. */
export function prepareSquashed(steps: unknown): PictureInputs["prepare"] {
  return (picture) => squashed(steps as SquashSteps, picture);
}
