/** Pictures as a thumbnail and tiles, also where there is no libtorch: to the byte as LlavaOnevisionImageProcessorPil. */
import type { Rgb, Size } from "../../image/geometry.js";
import { centerWindow, squareCanvas } from "../../image/geometry.js";
import { resizeAsync, resizeBicubic, uprightSize } from "../../image/resize.js";
import type { RgbImage, StoredImage } from "../../image/types.js";
import type { ImageInputs } from "../types.js";
import { bestCanvas, sizeOnCanvas, type AnyresRules } from "./anyres.js";

/** What of the rules decides the pixels. */
export type AnyresSteps = Pick<AnyresRules, "size" | "pinpoints">;

interface Sizes {
  readonly upright: Size;
  readonly canvas: Size;
  /** Of the picture on its canvas. */
  readonly inside: Size;
  readonly thumbnail: Size;
}

function sizesOf(picture: RgbImage | StoredImage, steps: AnyresSteps): Sizes {
  const upright = uprightSize(picture);
  const canvas = bestCanvas(upright, steps);
  const thumbnail = { width: steps.size, height: steps.size };
  return { upright, canvas, inside: sizeOnCanvas(upright, canvas), thumbnail };
}

/** The thumbnail and the tiles, row by row, as one picture: one below the other. */
export function tilesOf(picture: RgbImage | StoredImage, steps: AnyresSteps): RgbImage {
  const sizes = sizesOf(picture, steps);
  return stacked(resizeBicubic(picture, sizes.thumbnail), resizeBicubic(picture, sizes.inside), sizes);
}

/** {@link tilesOf}, computed off the thread. */
async function tilesOfAsync(picture: RgbImage | StoredImage, steps: AnyresSteps): Promise<RgbImage> {
  const sizes = sizesOf(picture, steps);
  const both = [resizeAsync(picture, sizes.thumbnail), resizeAsync(picture, sizes.inside)] as const;
  return stacked(...(await Promise.all(both)), sizes);
}

/** A whole picture on a square of a colour, as one tile: one of several pictures of a prompt. */
export function singleTile(picture: RgbImage | StoredImage, { size }: AnyresSteps, color: Rgb): RgbImage {
  const upright = uprightSize(picture);
  const canvas = squareCanvas(upright, color);
  return { ...resizeBicubic(picture, { width: size, height: size }, { canvas }), original: upright };
}

/** What is beyond the picture on its canvas is black. */
function stacked(thumbnail: RgbImage, inside: RgbImage, { upright, canvas }: Sizes): RgbImage {
  const size = thumbnail.width;
  const across = canvas.width / size;
  const tiles = across * (canvas.height / size) + 1;
  const data = new Uint8Array(tiles * size * size * 3);
  data.set(thumbnail.data);
  // Where the picture begins on its canvas: an odd remainder is at the right and bottom.
  const { left, top } = centerWindow(canvas, inside);
  for (let y = 0; y < inside.height; y++) {
    const [row, line] = [Math.floor((top + y) / size), (top + y) % size];
    for (let column = 0; column < across; column++) {
      const from = Math.max(left, column * size);
      const to = Math.min(left + inside.width, (column + 1) * size);
      if (from >= to) continue;
      const tile = 1 + row * across + column;
      const pixels = inside.data.subarray((y * inside.width + from - left) * 3, (y * inside.width + to - left) * 3);
      data.set(pixels, ((tile * size + line) * size + from - column * size) * 3);
    }
  }
  return { width: size, height: tiles * size, data, original: upright };
}

/** `prepareBy()` of LLaVA-OneVision. */
export function prepareAnyres(steps: unknown): Promise<ImageInputs["prepare"]> {
  return Promise.resolve((picture) => tilesOfAsync(picture, steps as AnyresSteps));
}
