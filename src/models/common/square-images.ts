/** The picture side of families whose vision tower takes squares of one size (llava, mplug_owl2). */
import { RocError } from "../../errors.js";
import type { FolderLike } from "../../files/index.js";
import { loadImageProcessor, type ImageProcessor, type RgbImage, type StoredImage } from "../../image/index.js";
import { fromTypedArray } from "../../torch/index.js";
import type { ImageBatch, ImageInputs, ProcessorOptions } from "../types.js";
import type { SquareSteps } from "./prepare-squares.js";

export class SquareImages implements ImageInputs {
  /** @throws RocError CONFIG_INVALID where the pictures do not fit the vision tower, `imageSize` pixels a side */
  constructor(
    readonly processor: ImageProcessor,
    imageSize: number,
  ) {
    const { width, height } = processor;
    if (width !== imageSize || height !== imageSize) {
      const text = `the image processor gives ${width}x${height} pixels, the vision tower takes ${imageSize}x${imageSize}`;
      throw new RocError("CONFIG_INVALID", `config.json and preprocessor_config.json disagree: ${text}.`);
    }
  }

  images(images: readonly RgbImage[]): ImageBatch {
    return this.batch(images.map((image) => this.pixels(image)));
  }

  batch(prepared: readonly RgbImage[]): ImageBatch {
    const { width, height } = this.processor;
    const size = 3 * width * height;
    const values = new Float32Array(prepared.length * size);
    prepared.forEach((pixels, index) => {
      this.processor.values(pixels, "planar", values.subarray(index * size, (index + 1) * size));
    });
    return { pixelValues: fromTypedArray(values, [prepared.length, 3, height, width]) };
  }

  get steps(): SquareSteps {
    const { config, override } = this.processor;
    return { config, override };
  }

  prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    return this.processor.prepare(picture);
  }

  pixels(picture: RgbImage | StoredImage): RgbImage {
    return this.processor.pixels(picture);
  }
}

/** The image processor of a checkpoint folder; throws as `loadImageProcessor`. */
export function loadSquareProcessor(folder: FolderLike, { resize }: ProcessorOptions): Promise<ImageProcessor> {
  return loadImageProcessor(folder, { ...(resize && { resize }) });
}
