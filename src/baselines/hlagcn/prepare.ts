/** Squares that remember the shape of their picture, without libtorch. */
import { uprightSize, type RgbImage, type Size } from "../../image/index.js";
import { prepareSquashed } from "../common/squash.js";
import type { PictureInputs } from "../types.js";

/** `prepareBy()` of HLA-GCN: below the square one row more, whose first two pixels are the picture's width and height. */
export function prepareWithShape(steps: unknown): PictureInputs["prepare"] {
  const prepare = prepareSquashed(steps);
  return async (picture) => withShape(await prepare(picture), uprightSize(picture));
}

function withShape({ width, height, data }: RgbImage, size: Size): RgbImage {
  const longer = new Uint8Array(data.length + 3 * width);
  longer.set(data);
  const row = new DataView(longer.buffer, data.length);
  [size.width, size.height].forEach((pixels, i) => {
    row.setUint16(3 * i, pixels >> 8);
    row.setUint8(3 * i + 2, pixels & 255);
  });
  return { width, height: height + 1, data: longer };
}

/** The square, and the width of its picture over the height. */
export function shapeOf({ width, height, data }: RgbImage): { readonly square: RgbImage; readonly aspect: number } {
  const end = (height - 1) * width * 3;
  const row = new DataView(data.buffer, data.byteOffset + end);
  const pixels = (i: number): number => row.getUint16(3 * i) * 256 + row.getUint8(3 * i + 2);
  return { square: { width, height: height - 1, data: data.subarray(0, end) }, aspect: pixels(0) / pixels(1) };
}
