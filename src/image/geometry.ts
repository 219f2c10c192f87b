/** Where pixels go: target sizes, crops and padding, as in the CLIP and LLaVA image processors of `transformers`. */
import { RocError } from "../errors.js";
import type { RgbImage } from "./types.js";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle of pixels; `left` and `top` may be negative where it reaches beyond the picture. */
export interface Window extends Size {
  readonly left: number;
  readonly top: number;
}

/** 8-bit red, green, blue. */
export type Rgb = readonly [number, number, number];

/** A plain-coloured canvas with a picture's top left corner at (`left`, `top`). */
export interface Canvas extends Window {
  readonly color: Rgb;
}

/** Squares larger than this are refused: a 60000 x 1 picture would make one of 10 GB. The same as sharp's pixel limit. */
const MAX_SQUARE_SIDE = 0x3fff;

/** The size whose shorter edge is `edge`, aspect kept, the longer edge truncated. */
export function shortestEdgeSize({ width, height }: Size, edge: number): Size {
  return width <= height
    ? { width: edge, height: Math.trunc((edge * height) / width) }
    : { width: Math.trunc((edge * width) / height), height: edge };
}

/** The centred window of size `crop`; an odd remainder goes to the right and bottom. */
export function centerWindow(size: Size, crop: Size): Window {
  return {
    left: Math.floor((size.width - crop.width) / 2),
    top: Math.floor((size.height - crop.height) / 2),
    width: crop.width,
    height: crop.height,
  };
}

/** Whether all of `window` is inside a picture of `size`. */
export function contains(size: Size, { left, top, width, height }: Window): boolean {
  return left >= 0 && top >= 0 && left + width <= size.width && top + height <= size.height;
}

/** The pixels of `window`; black where it reaches beyond the picture. The picture itself where nothing is cut off. */
export function cropImage(image: RgbImage, window: Window): RgbImage {
  const { left, top, width, height } = window;
  if (left === 0 && top === 0 && width === image.width && height === image.height) return image;
  const data = new Uint8Array(width * height * 3);
  const from = Math.max(0, left);
  const to = Math.min(image.width, left + width);
  for (let y = Math.max(0, -top); y < height && top + y < image.height; y++) {
    const row = (top + y) * image.width;
    if (from < to) data.set(image.data.subarray((row + from) * 3, (row + to) * 3), (y * width + from - left) * 3);
  }
  return { width, height, data };
}

/** `crop` pixels out of the middle, black round a picture that is smaller. */
export function centerCrop(image: RgbImage, crop: Size): RgbImage {
  return cropImage(image, centerWindow(image, crop));
}

/** The background of padding: `int(mean * 255)` of each channel's mean, (122, 116, 104) for CLIP. */
export function meanColor(mean: readonly [number, number, number]): Rgb {
  const level = (value: number): number => Math.trunc(value * 255);
  return [level(mean[0]), level(mean[1]), level(mean[2])];
}

/** The square canvas that just holds a picture, centred; an odd remainder goes to the right or bottom. */
export function squareCanvas({ width, height }: Size, color: Rgb): Canvas {
  const side = Math.max(width, height);
  return {
    width: side,
    height: side,
    left: Math.floor((side - width) / 2),
    top: Math.floor((side - height) / 2),
    color,
  };
}

/** @throws RocError IMAGE_TOO_LARGE for a side over 16383 pixels, which no longer fits in memory with good grace */
export function checkSquareSide(side: number): void {
  if (side <= MAX_SQUARE_SIDE) return;
  throw new RocError(
    "IMAGE_TOO_LARGE",
    `a picture with an edge of ${side} pixels cannot be made a square of that side (at most ${MAX_SQUARE_SIDE}); shrink it first`,
  );
}
