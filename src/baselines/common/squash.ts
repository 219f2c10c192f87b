/** Pictures made squares whatever their shape, without libtorch: what the systems of one group of authors do before all else. */
import { resizeAsync, resizeBilinear, type RgbImage, type StoredImage } from "../../image/index.js";
import type { PictureInputs } from "../types.js";

/** Pillow's filters: bicubic is the default of its own `resize` since 7.0, bilinear that of torchvision's `Resize`. */
export const FILTERS = ["bicubic", "bilinear"] as const;

/** How pictures are made squares. */
export interface SquashSteps {
  readonly filter: (typeof FILTERS)[number];
  /** Pixels of a side of what the network takes, and in a test the picture is resized to. */
  readonly side: number;
  /** Pixels of a side that a picture is resized to in training, of which a square of `side` is cropped; `side`: none is. */
  readonly trainSide: number;
}

/** One below the other: first what training crops, then, where that is larger, what a test takes. */
async function squashed(steps: SquashSteps, picture: RgbImage | StoredImage): Promise<RgbImage> {
  const { filter, side, trainSide } = steps;
  const resize = filter === "bicubic" ? resizeAsync : resizeBilinear;
  const tested = await resize(picture, { width: side, height: side });
  if (trainSide === side) return tested;
  const trained = await resize(picture, { width: trainSide, height: trainSide });
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
