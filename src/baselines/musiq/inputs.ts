/**
 * Pictures to MUSIQ's patches: of the picture resized to each of the longer sides and of the picture itself, each with its
 * hashed position and its scale (arXiv 2108.05997, sections 3.1 to 3.3; google-research/musiq/model/preprocessing.py).
 *
 * The original pads the patches of a scale to the most that there can be and masks them; as a masked patch changes no other,
 * there are none here.
 */
import { padSame } from "../../nn/index.js";
import type { Random } from "../../random.js";
import { aten, cat, fromTypedArray, scope, type Device, type Tensor } from "../../torch/index.js";
import { uprightPicture } from "../common/upright.js";
import { valuesOf } from "../common/value-inputs.js";
import type { Inputs, PictureInputs } from "../types.js";
import type { MusiqConfig } from "./config.js";
import type { Form } from "./facts.js";
import { resizeValues, sizeOfScale } from "./resize.js";

const flip = aten("flip");

/** The patches of a picture on all scales, row by row, the native scale last. */
export interface Patches {
  /** `[patches, 3, side, side]`, values from -1 to 1, and 0 beyond the picture */
  readonly values: Tensor;
  /** Of the position table, `[patches]` */
  readonly positions: readonly number[];
  readonly scales: readonly number[];
}

export function musiqInputs(config: MusiqConfig, device: Device): PictureInputs {
  const tables = bytesToValues(config.form);
  return {
    steps: { upright: true },
    prepare: uprightPicture,
    batch(prepared, randoms) {
      return scope(() => {
        const each = prepared.map((picture, i) => patchesOf(valuesOf(picture, tables), config, randoms?.[i]));
        return together(each, device);
      });
    },
  };
}

/**
 * What each byte becomes, `[3, 256]`: from -1 to 1, rounded as each program rounds.
 */
function bytesToValues(form: Form): Float32Array {
  const { fround } = Math;
  return Float32Array.from({ length: 3 * 256 }, (_, i) => {
    const share = fround((i & 255) / 255);
    return form === "original" ? fround(share * 2) - 1 : fround(share - 0.5) * 2;
  });
}

/**
 * The patches of a picture.
 *
 * @param values of its pixels, `[3, height, width]`
 * @param random as in training: the picture may be mirrored, and of its native scale only so many patches are looked at
 */
function patchesOf(values: Tensor, config: MusiqConfig, random?: Random): Patches {
  const picture = random?.chance(0.5) ? flip(values, [2]) : values;
  const size = { height: picture.size(1), width: picture.size(2) };
  const resized = config.longerSides.map((side) =>
    resizeValues(picture, sizeOfScale(size, side, config.form), config.form),
  );
  const scales = [...resized, picture].map((scaled, scale) => {
    const most = random && scale === resized.length ? config.trainingPatches : Infinity;
    return patchesOfScale(scaled, config, most);
  });
  return {
    values: cat(scales.map((one) => one.values)),
    positions: scales.flatMap((one) => one.positions),
    scales: scales.flatMap((one, scale) => one.positions.map(() => scale)),
  };
}

/** @param most how many of the patches are taken, the first row by row */
function patchesOfScale(values: Tensor, { patchSize: side, gridSize }: MusiqConfig, most: number) {
  const padded = padSame(values.unsqueeze(0), [side, side], side);
  const [rows, columns] = [padded.size(2) / side, padded.size(3) / side];
  const all = padded
    .view(3, rows, side, columns, side)
    .permute(1, 3, 0, 2, 4)
    .reshape(rows * columns, 3, side, side);
  const down = hashed(rows, gridSize);
  const across = hashed(columns, gridSize);
  const positions = down.flatMap((row) => across.map((column) => row * gridSize + column));
  if (positions.length <= most) return { values: all, positions };
  return { values: all.narrow(0, 0, most), positions: positions.slice(0, most) };
}

/**
 * The row of the table for each of `count` rows of patches: as TensorFlow 1 and PyTorch stretch by the nearest neighbour, whose
 * factor is a float32.
 */
export function hashed(count: number, gridSize: number): number[] {
  const factor = Math.fround(gridSize / count);
  return Array.from({ length: count }, (_, i) => Math.min(Math.floor(Math.fround(i * factor)), gridSize - 1));
}

/** Pictures' patches one behind the other. */
function together(each: readonly Patches[], device: Device): Inputs {
  const numbers = (all: readonly number[]): Tensor =>
    fromTypedArray(BigInt64Array.from(all, BigInt), [all.length], { dtype: "int64" });
  const patches = cat(each.map(({ values }) => values));
  return {
    patches: patches.to({ device }),
    positions: numbers(each.flatMap(({ positions }) => positions)).to({ device }),
    scales: numbers(each.flatMap(({ scales }) => scales)).to({ device }),
    // Read on this side.
    lengths: numbers(each.map(({ positions }) => positions.length)),
  };
}
