/** Pictures that are resized, cropped, in training at random and mirrored, and normalised: most systems' inputs. */
import { cropImage, valueTables, writeValues, type RgbImage, type Size, type StoredImage } from "../../image/index.js";
import type { Random } from "../../random.js";
import { fromTypedArray } from "../../torch/index.js";
import type { Inputs, PictureInputs } from "../types.js";
import { roundHalfEven } from "./rounding.js";
import { prepareResized, type ResizeSteps } from "./prepare.js";

type Triple = readonly [number, number, number];

/** The means and deviations of ImageNet's pictures, of values from 0 to 1. */
export const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** Values from -1 to 1. */
export const HALF = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

/** What becomes of pictures. */
export interface CropSteps extends ResizeSteps {
  /** Pixels of the square that is cut out of the resized picture: the middle, in training anywhere. */
  readonly crop: number;
  /** Whether half the pictures of a training are mirrored. */
  readonly mirror: boolean;
  /** Factor on the bytes before mean and deviation; null: none. Default 1/255. */
  readonly rescale?: number | null;
  /** Of values from 0 to 1, or of the bytes where nothing rescales them. */
  readonly mean: Triple;
  readonly std: Triple;
}

/** `pixelValues` `[B, 3, crop, crop]`. */
export class CroppedInputs implements PictureInputs {
  readonly steps: ResizeSteps;
  readonly #crop: CropSteps;
  readonly #tables: Float32Array;
  #prepare: Promise<PictureInputs["prepare"]> | undefined;

  constructor(crop: CropSteps) {
    const { fit, side, filter, rescale = 1 / 255, mean, std } = crop;
    this.#crop = crop;
    this.steps = { fit, side, filter };
    this.#tables = valueTables({ rescale: rescale ?? undefined, normalize: { mean, std }, mean });
  }

  async prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    const prepare = await (this.#prepare ??= prepareResized(this.steps));
    return prepare(picture);
  }

  batch(prepared: readonly RgbImage[], randoms?: readonly Random[]): Inputs {
    const { crop } = this.#crop;
    const size = 3 * crop * crop;
    const values = new Float32Array(prepared.length * size);
    prepared.forEach((picture, i) => {
      const pixels = this.#cut(picture, randoms?.[i]);
      writeValues(pixels, this.#tables, "planar", values.subarray(i * size, (i + 1) * size));
    });
    return { pixelValues: fromTypedArray(values, [prepared.length, 3, crop, crop]) };
  }

  #cut(picture: RgbImage, random: Random | undefined): RgbImage {
    const { crop: side, mirror } = this.#crop;
    const pixels = cropImage(picture, { ...placeOf(picture, side, random), width: side, height: side });
    return mirror && random?.chance(0.5) ? mirrored(pixels) : pixels;
  }
}

/** Where a square of `side` pixels is cut out: in the middle, in training anywhere. */
export function placeOf({ width, height }: Size, side: number, random?: Random): { left: number; top: number } {
  const [across, down] = [width - side, height - side];
  // Of what is left over half; torchvision rounds a half to the even number.
  if (!random) return { left: roundHalfEven(across / 2), top: roundHalfEven(down / 2) };
  return { left: random.int(across + 1), top: random.int(down + 1) };
}

/** Left and right changed over. */
export function mirrored({ width, height, data: from }: RgbImage): RgbImage {
  const data = new Uint8Array(from.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = width - 1; x >= 0; x--, at += 3) {
      const to = (y * width + x) * 3;
      data[to] = from[at] as number;
      data[to + 1] = from[at + 1] as number;
      data[to + 2] = from[at + 2] as number;
    }
  }
  return { width, height, data };
}
