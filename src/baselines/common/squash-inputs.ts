/** Squares to values, as torchvision makes them: `ToTensor`, `Normalize` by ImageNet's mean and deviation, in training a crop and a flip. */
import { RocError } from "../../errors.js";
import { cropImage, writeValues, type RgbImage } from "../../image/index.js";
import type { Random } from "../../random.js";
import { fromTypedArray, type Device } from "../../torch/index.js";
import type { PictureInputs } from "../types.js";
import { prepareSquashed, type SquashSteps } from "./squash.js";

const MEAN = [0.485, 0.456, 0.406] as const;
const STD = [0.229, 0.224, 0.225] as const;

/** The value of each byte in each channel, `[3, 256]`: every step in float32. */
function imagenetTables(): Float32Array {
  return Float32Array.from({ length: 3 * 256 }, (_, i) => {
    const [mean, std] = [Math.fround(MEAN[i >> 8] ?? 0), Math.fround(STD[i >> 8] ?? 1)];
    return Math.fround(Math.fround((i & 255) / 255) - mean) / std;
  });
}

function mirrored({ width, height, data }: RgbImage): RgbImage {
  const flipped = new Uint8Array(data.length);
  for (let at = 0; at < width * height; at++) {
    const from = (at - (at % width) + width - 1 - (at % width)) * 3;
    flipped.set(data.subarray(from, from + 3), at * 3);
  }
  return { width, height, data: flipped };
}

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

/** @param device where the values go */
export function squashInputs(steps: SquashSteps, device: () => Device): PictureInputs {
  const tables = imagenetTables();
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
      return { pixelValues: fromTypedArray(values, [prepared.length, 3, side, side]).to({ device: device() }) };
    },
  };
}
