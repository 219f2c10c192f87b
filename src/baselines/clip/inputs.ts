/** Pictures to what the tower takes: as transformers' CLIPImageProcessor, to the bit. */
import { RocError } from "../../errors.js";
import { createImageProcessor } from "../../image/index.js";
import { fromTypedArray, type Device } from "../../torch/index.js";
import type { PictureInputs } from "../types.js";
import type { LaionConfig } from "./config.js";
import { TODAY } from "./facts.js";

/** @param device of the weights @throws RocError CONFIG_INVALID where the pictures would have another size than the tower's */
export function clipInputs(
  { processor: steps, vision }: LaionConfig,
  device: () => Device,
  file: string,
): PictureInputs {
  const processor = createImageProcessor(steps, TODAY, `${file}: image_processor`);
  const { width, height } = processor;
  if (width !== vision.imageSize || height !== vision.imageSize) {
    const text = `${file}: image_processor makes pictures of ${width} x ${height} pixels, and the tower takes ${vision.imageSize}`;
    throw new RocError("CONFIG_INVALID", `${text}. Take the image processor's file of the same checkpoint.`);
  }
  const each = 3 * width * height;
  return {
    steps,
    prepare: (picture) => processor.prepare(picture),
    batch(prepared) {
      const values = new Float32Array(prepared.length * each);
      for (const [i, pixels] of prepared.entries())
        processor.values(pixels, "planar", values.subarray(i * each, (i + 1) * each));
      return { pixelValues: fromTypedArray(values, [prepared.length, 3, height, width]).to({ device: device() }) };
    },
  };
}
