/**
 * Pillow's bicubic resize of 8-bit pictures, to the byte (`Resample.c`, BICUBIC, 8 bits per channel), in native code
 * (native/pixels/).
 *
 * Two passes of weighted sums in 22-bit fixed point, first across and then down, each clipped to 0..255; a pass whose
 * side does not change is left out. When shrinking the kernel widens, so every source pixel counts (antialiasing).
 *
 * The order of passes is that of Pillow 3.3 to 12.0, with which the published language models were trained, unless
 * {@link ResizeOptions.passes} asks for Pillow 13's.
 */
import { RocError } from "../errors.js";
import { contains, type Canvas, type Size, type Window } from "./geometry.js";
import { nativePixels } from "./native.js";
import * as passes from "./passes.js";
import type { RgbImage, StoredImage } from "./types.js";

export interface ResizeOptions {
  /** Resize the picture to this size before all else; one of its sides stays. */
  readonly first?: Size;
  /** Only this part of the result is computed and returned; default all of it. */
  readonly window?: Window;
  /** Resize this canvas with the picture on it, as if it had been laid on it first, but without building it. */
  readonly canvas?: Canvas;
  /** Default "across". */
  readonly passes?: passes.PassOrder;
  /** Cores to use; default all that this process may. */
  readonly threads?: number;
  /** Which of the native kernels, to compare them; default 0, the fastest. */
  readonly kernel?: number;
}

/**
 * Resizes to `size.width` x `size.height`, byte for byte as Pillow's `resize(size, BICUBIC)` does.
 * All sizes are of the upright picture. Waits for it; {@link resizeAsync} does not.
 *
 * @throws RocError USAGE for an empty or fractional size, or a window beyond the result; OUT_OF_MEMORY
 */
export function resizeBicubic(picture: RgbImage | StoredImage, size: Size, options: ResizeOptions = {}): RgbImage {
  const { steps, data, result, isTransposed } = request(picture, size, options);
  try {
    nativePixels().run(steps, data, result.data);
    return isTransposed ? passes.transposedPixels(result) : result;
  } catch (error) {
    throw failure(picture, error);
  }
}

/**
 * The same off the thread. The picture must not be changed, nor its buffer transferred, until it is done.
 *
 * @throws as {@link resizeBicubic}
 */
export async function resizeAsync(
  picture: RgbImage | StoredImage,
  size: Size,
  options: ResizeOptions = {},
): Promise<RgbImage> {
  const { steps, data, result, isTransposed } = request(picture, size, options);
  try {
    await nativePixels().runAsync(steps, data, result.data);
    return isTransposed ? passes.transposedPixels(result) : result;
  } catch (error) {
    throw failure(picture, error);
  }
}

/** Whether a picture is to be turned, and its pixels. */
export function storedOf(picture: RgbImage | StoredImage): StoredImage {
  return "stored" in picture ? picture : { stored: picture, orientation: 1 };
}

/** The size of a picture when it is upright. */
export function uprightSize(picture: RgbImage | StoredImage): Size {
  const { stored, orientation } = storedOf(picture);
  const { width, height } = stored;
  return orientation >= 5 ? { width: height, height: width } : { width, height };
}

interface Request {
  /** As native/pixels/picture.h lists them. */
  readonly steps: Int32Array;
  readonly data: Uint8Array;
  /** Room for the pixels. */
  readonly result: RgbImage;
  /** Whether the pixels will be those of the transposed picture. */
  readonly isTransposed: boolean;
}

function request(picture: RgbImage | StoredImage, size: Size, options: ResizeOptions): Request {
  const from = options.canvas ?? options.first ?? uprightSize(picture);
  if (options.passes === "pillow13" && passes.goesDownFirst(from, size)) {
    const { first, window, canvas, passes: _, ...rest } = options;
    const transposed: ResizeOptions = {
      ...rest,
      ...(first && { first: passes.transposedSize(first) }),
      ...(window && { window: passes.transposedWindow(window) }),
      ...(canvas && { canvas: passes.transposedWindow(canvas) }),
    };
    const stored = passes.transposedStored(storedOf(picture));
    return { ...request(stored, passes.transposedSize(size), transposed), isTransposed: true };
  }
  const window = options.window ?? { left: 0, top: 0, width: size.width, height: size.height };
  const { stored, orientation } = storedOf(picture);
  checkSizes(stored, size, window);
  const first = options.first ?? uprightSize(picture);
  const canvas = options.canvas ?? { ...first, left: 0, top: 0, color: [0, 0, 0] };
  const steps = Int32Array.of(
    ...[stored.width, stored.height, orientation, first.width, first.height],
    ...[canvas.width, canvas.height, canvas.left, canvas.top, ...canvas.color],
    ...[size.width, size.height, window.left, window.top, window.width, window.height],
    ...[options.threads ?? nativePixels().threads(), options.kernel ?? 0],
  );
  const { width, height } = window;
  const result = { width, height, data: new Uint8Array(width * height * 3) };
  return { steps, data: stored.data, result, isTransposed: false };
}

function failure(picture: RgbImage | StoredImage, cause: unknown): RocError {
  const { width, height } = storedOf(picture).stored;
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = /memory/.test(text) ? "OUT_OF_MEMORY" : "USAGE";
  return new RocError(code, `cannot resize a picture of ${width} x ${height} pixels: ${text}`, { cause });
}

/** @throws RocError USAGE for an empty or fractional size */
export function checkTarget(picture: RgbImage | StoredImage, size: Size): void {
  checkSizes(storedOf(picture).stored, size, { left: 0, top: 0, ...size });
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
