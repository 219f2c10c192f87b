/** What of a picture is in its frame: straightening and crops. */
import { cropImage, type Size, type Window } from "../geometry.js";
import { loadSharp } from "../decode.js";
import type { RgbImage } from "../types.js";
import { CROP_ASPECTS, type Crop } from "./types.js";

/** Pixels at each edge of a turned picture that its interpolation mixes with what lies outside. */
const EDGE = 1;

/**
 * How much the sides of the largest upright rectangle with a picture's proportions shrink that fits into the picture turned by
 * an angle: the bounding box of the rectangle turned back has to fit into the picture.
 *
 * @returns a share in (0, 1]
 */
function shrinkOf({ width, height }: Size, degrees: number): number {
  const [sin, cos] = [Math.abs(Math.sin((degrees * Math.PI) / 180)), Math.cos((degrees * Math.PI) / 180)];
  return Math.min(width / (width * cos + height * sin), height / (width * sin + height * cos));
}

/** The size that {@link straighten} leaves of a picture. */
export function straightenedSize(size: Size, degrees: number): Size {
  if (degrees === 0) return size;
  const shrink = shrinkOf(size, degrees);
  const side = (length: number): number => Math.max(1, Math.floor(length * shrink) - 2 * EDGE);
  return { width: side(size.width), height: side(size.height) };
}

/** The picture turned clockwise about its middle, without the corners that it does not fill; itself for 0 degrees. */
export async function straighten(image: RgbImage, degrees: number): Promise<RgbImage> {
  if (degrees === 0) return image;
  const { width, height, data } = image;
  const sharp = await loadSharp();
  const turned = await sharp(data, { raw: { width, height, channels: 3 } })
    .rotate(degrees)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const size = straightenedSize(image, degrees);
  const whole = { width: turned.info.width, height: turned.info.height, data: new Uint8Array(turned.data) };
  const [left, top] = [Math.round((whole.width - size.width) / 2), Math.round((whole.height - size.height) / 2)];
  return cropImage(whole, { left, top, ...size });
}

/** The pixels that a crop keeps of a picture of a size; all of them for the largest crop of its own proportions. */
export function cropWindow(size: Size, { aspect, size: share, x, y }: Crop): Window {
  const ratio = ratioOf(size, aspect);
  const largest = {
    width: Math.min(size.width, size.height * ratio),
    height: Math.min(size.height, size.width / ratio),
  };
  const side = (length: number): number => Math.max(1, Math.round(length * share));
  const kept = { width: side(largest.width), height: side(largest.height) };
  return { ...kept, left: Math.round(x * (size.width - kept.width)), top: Math.round(y * (size.height - kept.height)) };
}

/** Width to height. */
function ratioOf({ width, height }: Size, aspect: Crop["aspect"]): number {
  if (aspect === "original") return width / height;
  return width >= height ? CROP_ASPECTS[aspect] : 1 / CROP_ASPECTS[aspect];
}

/** The part of a picture that a crop keeps. */
export function crop(image: RgbImage, cut: Crop): RgbImage {
  return cropImage(image, cropWindow(image, cut));
}
