/** The pictures that an explanation is made of, on the caller's side. Loads no libtorch. */
import { resizeAsync, uprightSize, type RgbImage, type Size, type StoredImage } from "../../image/index.js";
import type { ImageInputs } from "../../models/types.js";
import { GREY } from "./places.js";
import type { ProbePictures, Replacement } from "./types.js";

/** Pixels of the longer side of what is left of a picture that is out of focus. */
const BLURRED = 6;

/**
 * One after the other, as each is as large as the photo.
 *
 * @param prepare the model's
 */
export async function probePictures(
  photo: RgbImage | StoredImage,
  replacement: Replacement,
  prepare: ImageInputs["prepare"],
): Promise<ProbePictures<RgbImage>> {
  const size = uprightSize(photo);
  const { width, height } = size;
  return {
    photo: await prepare(photo),
    replaced: await prepare(await replacing(photo, size, replacement)),
    black: await prepare(painted(size, () => 0)),
    grey: await prepare(painted(size, () => GREY)),
    white: await prepare(painted(size, () => 255)),
    across: await prepare(painted(size, (x) => (255 * (x + 0.5)) / width)),
    down: await prepare(painted(size, (_, y) => (255 * (y + 0.5)) / height)),
  };
}

/** The picture shrunk to a few pixels, or to one, and enlarged again. */
async function replacing(photo: RgbImage | StoredImage, size: Size, replacement: Replacement): Promise<RgbImage> {
  const factor = BLURRED / Math.max(size.width, size.height);
  const side = (length: number): number => (replacement === "mean" ? 1 : Math.max(1, Math.round(length * factor)));
  return resizeAsync(await resizeAsync(photo, { width: side(size.width), height: side(size.height) }), size);
}

function painted({ width, height }: Size, grey: (x: number, y: number) => number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++)
    for (let x = 0; x < width; x++, at += 3) data.fill(Math.round(grey(x, y)), at, at + 3);
  return { width, height, data };
}
