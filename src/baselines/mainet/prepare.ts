/** A picture in three sizes, without libtorch. */
import { cropImage, resizeAs, type PixelFilter, type RgbImage, type Size } from "../../image/index.js";
import type { PictureInputs } from "../types.js";

/** How pictures are resized, as plain data. */
export interface ScaleSteps {
  readonly filter: PixelFilter;
  /** What every picture is resized to, whatever its shape. */
  readonly size: Size;
  /** Widths of the two smaller ones, which are made of that. */
  readonly smaller: readonly number[];
}

/** Pixels that become one place: rows that do not fill one are left out below. */
export const PLACE = 32;

/** The three sizes, the largest first: those of the smaller ones as they are resized, and as they are cut. */
export function scaleSizes({ size, smaller }: ScaleSteps): readonly { readonly whole: Size; readonly cut: Size }[] {
  const others = smaller.map((width) => {
    const height = Math.trunc(size.height * (width / size.width));
    return { whole: { width, height }, cut: { width, height: height - (height % PLACE) } };
  });
  return [{ whole: size, cut: size }, ...others];
}

/** `prepareBy()` of MAINet: the three sizes one below the other. */
export function prepareScales(steps: unknown): PictureInputs["prepare"] {
  const { filter, size } = steps as ScaleSteps;
  const [, ...smaller] = scaleSizes(steps as ScaleSteps);
  return async (picture) => {
    const first = await resizeAs(picture, size, filter);
    const others = await Promise.all(
      smaller.map(async ({ whole, cut }) =>
        cropImage(await resizeAs(first, whole, filter), { left: 0, top: 0, ...cut }),
      ),
    );
    return below([first, ...others]);
  };
}

/** One below the other, black beside what is narrower than the first. */
function below(parts: readonly [RgbImage, ...RgbImage[]]): RgbImage {
  const { width } = parts[0];
  const height = parts.reduce((sum, part) => sum + part.height, 0);
  const data = new Uint8Array(width * height * 3);
  let row = 0;
  for (const part of parts)
    for (let y = 0; y < part.height; y++, row++)
      data.set(part.data.subarray(y * part.width * 3, (y + 1) * part.width * 3), row * width * 3);
  return { width, height, data };
}
