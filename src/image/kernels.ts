/**
 * Pillow's resize of 8-bit pictures, to the byte (`Resample.c`, 8 bits per channel): two passes of weighted sums in 22-bit fixed
 * point, each clipped to 0..255; a pass whose side does not change is left out. Loads nothing: a page in the browser resizes with it
 * too, where there is no native code.
 */
import type { Size } from "./geometry.js";
import type { RgbImage } from "./types.js";

/** Bits of the weights behind the point. */
const PRECISION = 22;

/** The sources of one place along a side, and their weights. */
interface Taps {
  readonly first: number;
  readonly weights: Int32Array;
}

/** A filter: the weight of a source pixel by its distance from the target pixel's centre. */
export interface Kernel {
  /** Zero from this distance on. */
  readonly support: number;
  readonly weight: (distance: number) => number;
}

/** The triangle filter: as wide as a target pixel where the side shrinks, and two source pixels where it grows. */
export const BILINEAR: Kernel = { support: 1, weight: (distance) => Math.max(0, 1 - Math.abs(distance)) };

/** Cubic convolution with a = -0.5 (Keys 1981), in Pillow's order of operations. */
export const BICUBIC: Kernel = {
  support: 2,
  weight(distance) {
    const a = -0.5;
    const x = Math.abs(distance);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  },
};

function tapsOf(from: number, to: number, kernel: Kernel): Taps[] {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = kernel.support * stretch;
  return Array.from({ length: to }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const shares = Array.from({ length: end - first }, (_, i) =>
      kernel.weight((i + first - center + 0.5) * (1 / stretch)),
    );
    const total = shares.reduce((sum, share) => sum + share, 0);
    return { first, weights: Int32Array.from(shares, (share) => fixed(share / total)) };
  });
}

/** In fixed point, rounded half away from zero. */
function fixed(weight: number): number {
  return Math.trunc(weight * 2 ** PRECISION + (weight < 0 ? -0.5 : 0.5));
}

/** How far apart bytes are along the side that is resized, and across it. */
interface Steps {
  readonly along: number;
  readonly across: number;
}

/** One pass: `lines` lines side by side, each resized. */
function pass(from: Uint8Array, source: Steps, target: Steps, taps: readonly Taps[], lines: number): Uint8Array {
  const data = new Uint8Array(lines * taps.length * 3);
  taps.forEach((place, i) => {
    for (let line = 0; line < lines; line++) {
      const start = line * source.across + place.first * source.along;
      sumInto(data, line * target.across + i * target.along, from, start, source.along, place.weights);
    }
  });
  return data;
}

/** Writes the three channels of one pixel. */
function sumInto(
  into: Uint8Array,
  at: number,
  data: Uint8Array,
  start: number,
  step: number,
  weights: Int32Array,
): void {
  const half = 1 << (PRECISION - 1);
  let [red, green, blue] = [half, half, half];
  for (let i = 0, source = start; i < weights.length; i++, source += step) {
    const weight = weights[i] as number;
    red += weight * (data[source] as number);
    green += weight * (data[source + 1] as number);
    blue += weight * (data[source + 2] as number);
  }
  into[at] = Math.max(0, Math.min(255, red >> PRECISION));
  into[at + 1] = Math.max(0, Math.min(255, green >> PRECISION));
  into[at + 2] = Math.max(0, Math.min(255, blue >> PRECISION));
}

function resizedAcross({ data, width, height }: RgbImage, to: number, kernel: Kernel): RgbImage {
  if (width === to) return { width, height, data };
  const [source, target] = [width, to].map((length) => ({ along: 3, across: length * 3 })) as [Steps, Steps];
  return { width: to, height, data: pass(data, source, target, tapsOf(width, to, kernel), height) };
}

function resizedDown({ data, width, height }: RgbImage, to: number, kernel: Kernel): RgbImage {
  if (height === to) return { width, height, data };
  const steps = { along: width * 3, across: 3 };
  return { width, height: to, data: pass(data, steps, steps, tapsOf(height, to, kernel), width) };
}

/** An upright picture in another size. @param downFirst whether the pass down comes before the one across */
export function resizedBy(image: RgbImage, size: Size, kernel: Kernel, downFirst = false): RgbImage {
  return downFirst
    ? resizedAcross(resizedDown(image, size.height, kernel), size.width, kernel)
    : resizedDown(resizedAcross(image, size.width, kernel), size.height, kernel);
}
