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
  return {
    photo: await prepare(photo),
    replaced: await prepare(await replacing(photo, size, replacement)),
    black: await prepare(even(size, 0)),
    grey: await prepare(even(size, GREY)),
    white: await prepare(even(size, 255)),
    across: await prepare(risingAcross(size)),
    down: await prepare(risingDown(size)),
  };
}

/** The picture shrunk to a few pixels, or to one, and enlarged again. */
async function replacing(photo: RgbImage | StoredImage, size: Size, replacement: Replacement): Promise<RgbImage> {
  const factor = BLURRED / Math.max(size.width, size.height);
  const side = (length: number): number => (replacement === "mean" ? 1 : Math.max(1, Math.round(length * factor)));
  return resizeAsync(await resizeAsync(photo, { width: side(size.width), height: side(size.height) }), size);
}

function even({ width, height }: Size, grey: number): RgbImage {
  return { width, height, data: new Uint8Array(width * height * 3).fill(grey) };
}

/** From dark on the left to light on the right. Its first row is copied, as each picture is as large as the photo. */
function risingAcross({ width, height }: Size): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let x = 0; x < width; x++) data.fill(risen(x, width), x * 3, (x + 1) * 3);
  for (let y = 1; y < height; y++) data.copyWithin(y * width * 3, 0, width * 3);
  return { width, height, data };
}

/** From dark above to light below. */
function risingDown({ width, height }: Size): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) data.fill(risen(y, height), y * width * 3, (y + 1) * width * 3);
  return { width, height, data };
}

/** From 0 to 255, at the middle of a place of so many. */
function risen(place: number, places: number): number {
  return Math.round((255 * (place + 0.5)) / places);
}
