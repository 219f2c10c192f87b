/** Three sizes of each picture as values. */
import { cropImage, valueTables, writeValues, type RgbImage } from "../../image/index.js";
import type { Random } from "../../random.js";
import { fromTypedArray, type Tensor } from "../../torch/index.js";
import { IMAGENET, mirrored } from "../common/inputs.js";
import type { PictureInputs } from "../types.js";
import { prepareScales, scaleSizes, type ScaleSteps } from "./prepare.js";

/** Names of the sizes among the inputs, the largest first. */
export const SCALES = ["pixelValues", "smaller", "smallest"] as const;

/** Each of {@link SCALES} `[B, 3, height, width]`; in training every other picture is mirrored, in all its sizes. */
export function scaledInputs(steps: ScaleSteps): PictureInputs {
  const tables = valueTables({ rescale: 1 / 255, normalize: IMAGENET, mean: IMAGENET.mean });
  const sizes = scaleSizes(steps).map(({ cut }) => cut);
  const tops = sizes.map((_, i) => sizes.slice(0, i).reduce((sum, { height }) => sum + height, 0));
  const valuesOf = (prepared: readonly RgbImage[], flips: readonly boolean[], scale: number): Tensor => {
    const { width, height } = sizes[scale] as (typeof sizes)[number];
    const each = 3 * width * height;
    const values = new Float32Array(prepared.length * each);
    prepared.forEach((picture, i) => {
      const part = cropImage(picture, { left: 0, top: tops[scale] as number, width, height });
      writeValues(flips[i] ? mirrored(part) : part, tables, "planar", values.subarray(i * each, (i + 1) * each));
    });
    return fromTypedArray(values, [prepared.length, 3, height, width]);
  };
  return {
    steps,
    prepare: prepareScales(steps),
    batch(prepared, randoms?: readonly Random[]) {
      const flips = prepared.map((_, i) => randoms?.[i]?.chance(0.5) ?? false);
      return Object.fromEntries(SCALES.map((name, scale) => [name, valuesOf(prepared, flips, scale)]));
    },
  };
}
