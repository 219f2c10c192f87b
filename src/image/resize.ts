/**
 * Pillow's bicubic resize of 8-bit pictures, to the byte (`Resample.c`, BICUBIC, 8 bits per channel), in native code
 * (native/pixels/).
 *
 * Two passes of weighted sums in 22-bit fixed point, first across and then down, each clipped to 0..255; a pass whose
 * side does not change is left out. When shrinking the kernel widens, so every source pixel counts (antialiasing).
 *
 * The order of passes is that of Pillow 3.3 to 12, with which the published models were trained. Pillow 13 goes down
 * first where the height shrinks far more than the width (its pull request 9549), which shifts a few bytes by a level;
 * a resize that keeps the aspect ratio is the same in all of them.
 */
import { RocError } from "../errors.js";
import { contains, type Canvas, type Size, type Window } from "./geometry.js";
import { nativePixels } from "./native.js";
import type { RgbImage } from "./types.js";

export interface ResizeOptions {
  /** Only this part of the result is computed and returned; default all of it. */
  readonly window?: Window;
  /** Resize this canvas with the picture on it, as if by {@link padImage} first, but without building it. */
  readonly canvas?: Canvas;
  /** Cores to use; default all that this process may. */
  readonly threads?: number;
}

/**
 * Resizes to `size.width` x `size.height`, byte for byte as Pillow's `resize(size, BICUBIC)` does (before 13, see above).
 * Waits for it; {@link resizeAsync} does not.
 *
 * @throws RocError USAGE for an empty or fractional size, or a window beyond the result; OUT_OF_MEMORY
 */
export function resizeBicubic(image: RgbImage, size: Size, options: ResizeOptions = {}): RgbImage {
  const { steps, result } = prepare(image, size, options);
  try {
    nativePixels().run(steps, image.data, null, result.data, null);
    return result;
  } catch (error) {
    throw failure(image, error);
  }
}

/**
 * The same off the thread. The picture must not be changed, nor its buffer transferred, until it is done.
 *
 * @throws as {@link resizeBicubic}
 */
export async function resizeAsync(image: RgbImage, size: Size, options: ResizeOptions = {}): Promise<RgbImage> {
  const { steps, result } = prepare(image, size, options);
  try {
    await nativePixels().runAsync(steps, image.data, null, result.data, null);
    return result;
  } catch (error) {
    throw failure(image, error);
  }
}

/** The steps as native/pixels/picture.h lists them, and room for their result. */
function prepare(image: RgbImage, size: Size, options: ResizeOptions): { steps: Int32Array; result: RgbImage } {
  const window = options.window ?? { left: 0, top: 0, width: size.width, height: size.height };
  checkSizes(image, size, window);
  const canvas = options.canvas ?? { left: 0, top: 0, width: image.width, height: image.height, color: [0, 0, 0] };
  const upright = 1;
  const steps = Int32Array.of(
    ...[image.width, image.height, upright],
    ...[canvas.width, canvas.height, canvas.left, canvas.top, ...canvas.color],
    ...[size.width, size.height, window.left, window.top, window.width, window.height],
    // No values, so nothing is cut into patches.
    ...[0, 1, 1, 1],
    ...[options.threads ?? nativePixels().threads(), 0],
  );
  const { width, height } = window;
  return { steps, result: { width, height, data: new Uint8Array(width * height * 3) } };
}

function failure(image: RgbImage, cause: unknown): RocError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = /memory/.test(text) ? "OUT_OF_MEMORY" : "USAGE";
  return new RocError(code, `cannot resize a picture of ${image.width} x ${image.height} pixels: ${text}`, { cause });
}

function checkSizes(image: RgbImage, size: Size, window: Window): void {
  const sides = [image.width, image.height, size.width, size.height, window.width, window.height];
  if (sides.every((side) => Number.isInteger(side) && side > 0) && contains(size, window)) return;
  const text = ({ width, height }: Size): string => `${width} x ${height}`;
  throw new RocError(
    "USAGE",
    `cannot resize ${text(image)} to ${text(size)} (window ${text(window)} at ${window.left}, ${window.top}); ` +
      "sides are whole numbers from 1 and the window lies inside the result",
  );
}
