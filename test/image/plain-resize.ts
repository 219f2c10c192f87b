/**
 * Pillow's bicubic resize of 8-bit pictures, to the byte (`Resample.c`, BICUBIC, 8 bits per channel), in plain TypeScript:
 * the fixtures that Pillow made hold it, and it holds the native one at sizes, windows and canvases that no fixture has.
 *
 * Two passes of weighted sums in 22-bit fixed point, first across and then down, each clipped to 0..255; a pass whose
 * side does not change is left out. When shrinking the kernel widens, so every source pixel counts (antialiasing).
 *
 * The order of passes is that of Pillow 3.3 to 12.0, with which the published models were trained; 12.2 and later go down
 * first where a picture is more than 100 times as tall as wide and its height shrinks. Pillow 13 goes down
 * first where the height shrinks more than the width (its pull request 9549), if only because the longer edge of an upright
 * format was truncated; that shifts a few bytes by a level.
 */
import { checkSquareSide, cropImage, squareCanvas } from "../../src/image/geometry.js";
import type { Canvas, Rgb, Size, Window } from "../../src/image/geometry.js";
import type { RgbImage } from "../../src/image/types.js";

/** 32 bits less 8 for the pixel and 2 of headroom. */
const PRECISION_BITS = 22;
const ONE = 1 << PRECISION_BITS;
const HALF = 1 << (PRECISION_BITS - 1);

/** The kernel is zero from this distance on. */
const SUPPORT = 2;

/** Fixed-point weights of some consecutive output positions along one axis. */
interface Taps {
  /** First source position of each output position. */
  readonly starts: Int32Array;
  /** Number of source positions of each output position. */
  readonly counts: Int32Array;
  /** `[outputs, stride]`; entries beyond an output's count are 0. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/** The cubic convolution kernel with a = -0.5 (Keys 1981), with Pillow's order of operations. */
function bicubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/**
 * Weights of the output positions `first` to `first + count - 1` when `from` positions become `to`.
 *
 * Exported for the test of this bound: the positive weights of one output add up to 1.14 * 2^22 at most, and with less
 * than 2 * 2^22 the largest result, 255 times that plus 2^21, stays under 2^31. So a 32-bit accumulator holds every
 * result; negative weights only lower the sum, and a partial sum may even wrap, since addition modulo 2^32 forgets it.
 */
export function bicubicTaps(from: number, to: number, first = 0, count = to): Taps {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = SUPPORT * stretch;
  const stride = Math.ceil(support) * 2 + 1;
  const taps = {
    starts: new Int32Array(count),
    counts: new Int32Array(count),
    weights: new Int32Array(count * stride),
    stride,
  };
  const exact = new Float64Array(stride);
  for (let i = 0; i < count; i++) {
    const center = (first + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    taps.starts[i] = start;
    taps.counts[i] = end - start;
    fillWeights(exact.subarray(0, end - start), start - center + 0.5, 1 / stretch);
    for (let k = 0; k < end - start; k++) taps.weights[i * stride + k] = toFixed(exact[k] ?? 0);
  }
  return taps;
}

/** Kernel values at `offset`, `offset + 1`, ... (times `step`), made to add up to 1. */
function fillWeights(weights: Float64Array, offset: number, step: number): void {
  let sum = 0;
  for (let k = 0; k < weights.length; k++) {
    const weight = bicubic((k + offset) * step);
    weights[k] = weight;
    sum += weight;
  }
  if (sum !== 0) for (let k = 0; k < weights.length; k++) weights[k] = (weights[k] ?? 0) / sum;
}

/** Rounds half away from zero. */
function toFixed(weight: number): number {
  return Math.trunc(weight * ONE + (weight < 0 ? -0.5 : 0.5));
}

/** One row across. The hot loop: about 4 multiplications a source byte. */
function resampleRow(source: Uint8Array, at: number, taps: Taps, out: Uint8ClampedArray, outAt: number): void {
  const { starts, counts, weights, stride } = taps;
  for (let x = 0; x < starts.length; x++) {
    let red = HALF;
    let green = HALF;
    let blue = HALF;
    let p = at + starts[x]! * 3;
    const end = x * stride + counts[x]!;
    for (let k = x * stride; k < end; k++, p += 3) {
      const weight = weights[k]!;
      red = (red + Math.imul(weight, source[p]!)) | 0;
      green = (green + Math.imul(weight, source[p + 1]!)) | 0;
      blue = (blue + Math.imul(weight, source[p + 2]!)) | 0;
    }
    const q = outAt + x * 3;
    out[q] = red >> PRECISION_BITS;
    out[q + 1] = green >> PRECISION_BITS;
    out[q + 2] = blue >> PRECISION_BITS;
  }
}

/**
 * Canvas rows `first` to `first + count - 1`, resampled across.
 *
 * The canvas is never built: a row of plain colour stays that colour exactly (the weights add up to 2^22 within half a
 * unit a tap, far less than the 2^21 / 255 that would change a byte).
 */
function resampleAcross(image: RgbImage, canvas: Canvas, taps: Taps, first: number, count: number): RgbImage {
  const width = taps.starts.length;
  const out = new Uint8ClampedArray(width * count * 3);
  const padded = canvas.width === image.width ? undefined : plainRow(canvas.width, canvas.color);
  const plain = plainRow(width, canvas.color);
  for (let y = 0; y < count; y++) {
    const row = first + y - canvas.top;
    const at = row * image.width * 3;
    if (row < 0 || row >= image.height) {
      out.set(plain, y * width * 3);
    } else if (padded) {
      padded.set(image.data.subarray(at, at + image.width * 3), canvas.left * 3);
      resampleRow(padded, 0, taps, out, y * width * 3);
    } else {
      resampleRow(image.data, at, taps, out, y * width * 3);
    }
  }
  return { width, height: count, data: new Uint8Array(out.buffer) };
}

function plainRow(width: number, color: Rgb): Uint8Array {
  const row = new Uint8Array(width * 3);
  for (let x = 0; x < width; x++) row.set(color, x * 3);
  return row;
}

/** Resamples down; row 0 of `image` is source row `firstRow` of the taps. */
function resampleDown(image: RgbImage, taps: Taps, firstRow: number): RgbImage {
  const height = taps.starts.length;
  const rowBytes = image.width * 3;
  const sums = new Int32Array(rowBytes);
  const out = new Uint8ClampedArray(height * rowBytes);
  for (let y = 0; y < height; y++) {
    sums.fill(HALF);
    for (let k = 0; k < taps.counts[y]!; k++) {
      const weight = taps.weights[y * taps.stride + k]!;
      const at = (taps.starts[y]! + k - firstRow) * rowBytes;
      for (let i = 0; i < rowBytes; i++) sums[i]! += Math.imul(weight, image.data[at + i]!);
    }
    for (let i = 0; i < rowBytes; i++) out[y * rowBytes + i] = sums[i]! >> PRECISION_BITS;
  }
  return { width: image.width, height, data: new Uint8Array(out.buffer) };
}

export interface ResizeOptions {
  /** Resize the picture to this size first. */
  readonly first?: Size;
  /** Only this part of the result is computed and returned; default all of it. */
  readonly window?: Window;
  /** Resize this canvas with the picture on it, as if by {@link padImage} first, but without building it. */
  readonly canvas?: Canvas;
}

/**
 * Resizes to `size.width` x `size.height`, byte for byte as Pillow's `resize(size, BICUBIC)` does (before 13, see above).
 */
export function plainResize(source: RgbImage, size: Size, { first, ...options }: ResizeOptions = {}): RgbImage {
  const image = first ? plainResize(source, first) : source;
  const window = options.window ?? { left: 0, top: 0, width: size.width, height: size.height };
  const canvas = options.canvas ?? { left: 0, top: 0, width: image.width, height: image.height, color: [0, 0, 0] };
  const sameHeight = canvas.height === size.height;
  const down = sameHeight ? undefined : bicubicTaps(canvas.height, size.height, window.top, window.height);
  const rows = down ? tappedRows(down) : { top: window.top, height: window.height };
  if (canvas.width === size.width) {
    const cut = cropImage(padImage(image, canvas), { left: window.left, width: window.width, ...rows });
    return down ? resampleDown(cut, down, rows.top) : cut;
  }
  const across = bicubicTaps(canvas.width, size.width, window.left, window.width);
  const narrow = resampleAcross(image, canvas, across, rows.top, rows.height);
  return down ? resampleDown(narrow, down, rows.top) : narrow;
}

/** The source rows that some taps read; their starts and ends never go back. */
function tappedRows({ starts, counts }: Taps): { top: number; height: number } {
  const top = starts[0]!;
  return { top, height: starts[starts.length - 1]! + counts[counts.length - 1]! - top };
}

/** The picture on its canvas. @throws RocError IMAGE_TOO_LARGE for a canvas side over 16383 pixels */
function padImage(image: RgbImage, canvas: Canvas): RgbImage {
  const { width, height, left, top, color } = canvas;
  if (width === image.width && height === image.height) return image;
  checkSquareSide(Math.max(width, height));
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i += 3) data.set(color, i);
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(y * image.width * 3, (y + 1) * image.width * 3);
    data.set(row, ((top + y) * width + left) * 3);
  }
  return { width, height, data };
}

/** The picture centred on a square of its longer edge (LLaVA's `expand2square`). */
export function padToSquare(image: RgbImage, color: Rgb): RgbImage {
  return padImage(image, squareCanvas(image, color));
}
