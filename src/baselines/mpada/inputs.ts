/** Crops anywhere in a picture: one in training, several in a test, at places that repeat. */
import { cropImage, valueTables, writeValues, type RgbImage, type StoredImage } from "../../image/index.js";
import { Random } from "../../random.js";
import { fromTypedArray } from "../../torch/index.js";
import { IMAGENET, mirrored } from "../common/inputs.js";
import { prepareResized, type ResizeSteps } from "../common/prepare.js";
import type { Inputs, PictureInputs } from "../types.js";
import type { MpadaConfig } from "./config.js";

/** `pixelValues` `[B, crops, 3, crop, crop]`, red first. */
export class Crops implements PictureInputs {
  readonly steps: ResizeSteps;
  readonly #config: MpadaConfig;
  readonly #tables = valueTables({ rescale: 1 / 255, normalize: IMAGENET, mean: IMAGENET.mean });
  #prepare: Promise<PictureInputs["prepare"]> | undefined;

  constructor(config: MpadaConfig) {
    this.#config = config;
    this.steps = { fit: "short", side: config.side, filter: config.filter };
  }

  async prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    const prepare = await (this.#prepare ??= prepareResized(this.steps));
    return prepare(picture);
  }

  batch(prepared: readonly RgbImage[], randoms?: readonly Random[]): Inputs {
    const { crop, crops, seed, mirror } = this.#config;
    const each = randoms ? 1 : crops;
    const size = 3 * crop * crop;
    const values = new Float32Array(prepared.length * each * size);
    prepared.forEach((picture, i) => {
      // Of every picture the same places, whatever it is scored with.
      const random = randoms?.[i] ?? new Random(seed, "MP_ada's crops");
      for (let n = 0; n < each; n++) {
        const cut = this.#cut(picture, random);
        const pixels = randoms && mirror && random.chance(0.5) ? mirrored(cut) : cut;
        const at = (i * each + n) * size;
        writeValues(pixels, this.#tables, "planar", values.subarray(at, at + size));
      }
    });
    return { pixelValues: fromTypedArray(values, [prepared.length, each, 3, crop, crop]) };
  }

  #cut(picture: RgbImage, random: Random): RgbImage {
    const { crop } = this.#config;
    const left = random.int(picture.width - crop + 1);
    const top = random.int(picture.height - crop + 1);
    return cropImage(picture, { left, top, width: crop, height: crop });
  }
}
