/**
 * Pictures whose values are resized, between 0 and 1 and without being rounded to bytes: as torchvision's `resize` does of a
 * tensor (`functional/_tensor.py`: `interpolate` with antialias), in the place of a picture of Pillow.
 */
import { shortestEdgeSize, writeValues, type PixelFilter, type RgbImage, type StoredImage } from "../../image/index.js";
import type { Random } from "../../random.js";
import { aten, fromTypedArray, scope, stack, tensor, type Tensor } from "../../torch/index.js";
import type { Inputs, PictureInputs } from "../types.js";
import { placeOf, type CropSteps } from "./inputs.js";
import type { ResizeSteps } from "./prepare.js";
import { uprightPicture } from "./upright.js";

const flip = aten("flip");
const RESIZE = { bilinear: aten("_upsample_bilinear2d_aa.vec"), bicubic: aten("_upsample_bicubic2d_aa.vec") };

/** The filters that there are for values. */
export const VALUE_FILTERS: readonly PixelFilter[] = ["bilinear", "bicubic"];

/** @param tables what each byte of each channel becomes, `[3, 256]` @returns `[3, height, width]` */
export function valuesOf(picture: RgbImage, tables: Float32Array): Tensor {
  const { width, height } = picture;
  const values = new Float32Array(3 * width * height);
  writeValues(picture, tables, "planar", values);
  return fromTypedArray(values, [3, height, width]);
}

/** `pixelValues` `[B, 3, crop, crop]`. Pictures are kept in their own size until they are a batch. */
export class ValueInputs implements PictureInputs {
  readonly steps: ResizeSteps;
  readonly #crop: CropSteps;
  readonly #tables = Float32Array.from({ length: 3 * 256 }, (_, i) => (i & 255) / 255);

  constructor(crop: CropSteps) {
    const { fit, side, filter } = crop;
    this.#crop = crop;
    this.steps = { fit, side, filter, resize: "values" };
  }

  prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    return uprightPicture(picture);
  }

  batch(prepared: readonly RgbImage[], randoms?: readonly Random[]): Inputs {
    return scope(() => {
      const [mean, std] = [this.#crop.mean, this.#crop.std].map((three) => tensor([...three]).view(3, 1, 1));
      const cuts = prepared.map((picture, i) => scope(() => this.#cut(picture, randoms?.[i])));
      return {
        pixelValues: stack(cuts)
          .sub(mean as Tensor)
          .div(std as Tensor),
      };
    });
  }

  #cut(picture: RgbImage, random: Random | undefined): Tensor {
    const { fit, side, filter, crop, mirror } = this.#crop;
    const size = fit === "short" ? shortestEdgeSize(picture, side) : { width: side, height: side };
    const values = valuesOf(picture, this.#tables).unsqueeze(0);
    const resized = RESIZE[filter as keyof typeof RESIZE](values, [size.height, size.width], false, null).squeeze(0);
    const { left, top } = placeOf(size, crop, random);
    const cut = resized.narrow(1, top, crop).narrow(2, left, crop);
    return mirror && random?.chance(0.5) ? flip(cut, [2]) : cut.contiguous();
  }
}
