/** Squares to values, as torchvision makes them: `ToTensor`, `Normalize`, in training a crop and a flip. */
import { RocError } from "../../errors.js";
import { cropImage, valueTables, writeValues, type RgbImage } from "../../image/index.js";
import type { Random } from "../../random.js";
import { fromTypedArray } from "../../torch/index.js";
import type { PictureInputs } from "../types.js";
import { IMAGENET, mirrored, type CropSteps } from "./inputs.js";
import { prepareSquashed, type SquashSteps } from "./squash.js";

/** What training looks at: a square anywhere in the picture, mirrored every other time. */
function augmented(picture: RgbImage, { side, trainSide }: SquashSteps, random: Random): RgbImage {
  const isMirrored = random.chance(0.5);
  const [left, top] = [random.int(trainSide - side + 1), random.int(trainSide - side + 1)];
  const crop = cropImage(picture, { left, top, width: side, height: side });
  return isMirrored ? mirrored(crop) : crop;
}

/** What a test looks at. */
function tested(picture: RgbImage, { side, trainSide }: SquashSteps): RgbImage {
  const top = trainSide === side ? 0 : trainSide;
  return cropImage(picture, { left: 0, top, width: side, height: side });
}

function checkPrepared({ width, height }: RgbImage, { side, trainSide }: SquashSteps): void {
  const expected = trainSide === side ? side : trainSide + side;
  if (width === trainSide && height === expected) return;
  const text = `A picture of ${width} x ${height} pixels is not prepared to ${trainSide} x ${expected}`;
  throw new RocError("USAGE", `${text}. Take what inputs.prepare() gives.`);
}

/** @param normalize mean and deviation of values from 0 to 1; default: those of ImageNet's pictures */
export function squashInputs(steps: SquashSteps, normalize: Pick<CropSteps, "mean" | "std"> = IMAGENET): PictureInputs {
  const tables = valueTables({ rescale: 1 / 255, normalize, mean: normalize.mean });
  const { side } = steps;
  const each = 3 * side * side;
  return {
    steps,
    prepare: prepareSquashed(steps),
    batch(prepared, randoms) {
      const values = new Float32Array(prepared.length * each);
      for (const [i, picture] of prepared.entries()) {
        checkPrepared(picture, steps);
        const random = randoms?.[i];
        const square = random ? augmented(picture, steps, random) : tested(picture, steps);
        writeValues(square, tables, "planar", values.subarray(i * each, (i + 1) * each));
      }
      return { pixelValues: fromTypedArray(values, [prepared.length, 3, side, side]) };
    },
  };
}
