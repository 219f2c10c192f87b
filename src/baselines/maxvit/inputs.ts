/** Pictures to what MaxViT takes: to the bit as timm's transforms (torchvision's ToTensor and Normalize behind Pillow's resize). */
import { cropImage, writeValues, type RgbImage } from "../../image/index.js";
import type { Random } from "../../random.js";
import { aten, fromTypedArray, scope, stack, type Device } from "../../torch/index.js";
import { roundHalfEven } from "../common/rounding.js";
import type { PictureInputs } from "../types.js";
import type { MaxVitConfig } from "./config.js";
import { resized } from "./facts.js";

const flip = aten("flip");

export function maxvitInputs(config: MaxVitConfig, device: Device): PictureInputs {
  const { imageSize: side, resize } = config;
  const tables = bytesToValues(config);
  const each = 3 * side * side;
  return {
    steps: resize,
    prepare: (picture) => resized(picture, resize),
    batch(prepared, randoms) {
      const values = new Float32Array(prepared.length * each);
      for (const [i, picture] of prepared.entries()) {
        const part = values.subarray(i * each, (i + 1) * each);
        writeValues(cropped(picture, side, randoms?.[i]), tables, "planar", part);
      }
      const pixels = fromTypedArray(values, [prepared.length, 3, side, side]);
      return { pixelValues: (randoms ? mirrored(pixels, randoms) : pixels).to({ device }) };
    },
  };
}

/** The square that is looked at: the middle as torchvision rounds it, in training any. */
function cropped(picture: RgbImage, side: number, random: Random | undefined): RgbImage {
  const at = (rest: number): number => (random ? random.int(rest + 1) : roundHalfEven(rest / 2));
  const [left, top] = [at(picture.width - side), at(picture.height - side)];
  return cropImage(picture, { left, top, width: side, height: side });
}

/** Each picture mirrored, or not, by its stream. */
function mirrored(pixels: ReturnType<typeof fromTypedArray>, randoms: readonly Random[]) {
  return scope(() =>
    stack(
      randoms.map((random, i) => {
        const picture = pixels.select(0, i);
        return random.chance(0.5) ? flip(picture, [2]) : picture;
      }),
    ),
  );
}

/** `[3, 256]`: a share of 255, less the mean, over the deviation, each rounded to float32. */
function bytesToValues({ mean, std }: MaxVitConfig): Float32Array {
  const { fround } = Math;
  return Float32Array.from({ length: 3 * 256 }, (_, i) => {
    const channel = i >> 8;
    const share = fround((i & 255) / 255);
    return fround(share - fround(mean[channel] ?? 0)) / fround(std[channel] ?? 1);
  });
}
