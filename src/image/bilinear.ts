/**
 * Pillow's bilinear resize of 8-bit pictures, to the byte (`Resample.c`, BILINEAR, 8 bits per channel), its passes in
 * the order that passes.ts tells. It is what torchvision's `Resize` does by default.
 */
import type { Size } from "./geometry.js";
import { goesDownFirst, type PassOrder } from "./passes.js";
import { checkTarget, resizeAsync, uprightSize } from "./resize.js";
import type { RgbImage, StoredImage } from "./types.js";

/** Bits of the weights behind the point. */
const PRECISION = 22;

/** The sources of one place along a side, and their weights. */
interface Taps {
  readonly first: number;
  readonly weights: Int32Array;
}

/** The triangle filter: as wide as a target pixel where the side shrinks, and two source pixels where it grows. */
function tapsOf(from: number, to: number): Taps[] {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    const shares = Array.from({ length: end - first }, (_, i) =>
      Math.max(0, 1 - Math.abs((i + first - center + 0.5) * (1 / support))),
    );
    const total = shares.reduce((sum, share) => sum + share, 0);
    return { first, weights: Int32Array.from(shares, (share) => Math.trunc(0.5 + (share / total) * 2 ** PRECISION)) };
  });
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
  into[at] = Math.min(255, red >> PRECISION);
  into[at + 1] = Math.min(255, green >> PRECISION);
  into[at + 2] = Math.min(255, blue >> PRECISION);
}

function resizedAcross({ data, width, height }: RgbImage, to: number): RgbImage {
  if (width === to) return { width, height, data };
  const [source, target] = [width, to].map((length) => ({ along: 3, across: length * 3 })) as [Steps, Steps];
  return { width: to, height, data: pass(data, source, target, tapsOf(width, to), height) };
}

function resizedDown({ data, width, height }: RgbImage, to: number): RgbImage {
  if (height === to) return { width, height, data };
  const steps = { along: width * 3, across: 3 };
  return { width, height: to, data: pass(data, steps, steps, tapsOf(height, to), width) };
}

/**
 * Resizes to `size`, byte for byte as Pillow's `resize(size, BILINEAR)` does; the result is upright.
 *
 * @param order of the passes
 * @throws RocError USAGE for an empty or fractional size; OUT_OF_MEMORY
 */
export async function resizeBilinear(
  picture: RgbImage | StoredImage,
  size: Size,
  order: PassOrder = "across",
): Promise<RgbImage> {
  checkTarget(picture, size);
  // Native code turns it: a resize to the same size changes no pixel.
  const turned = await resizeAsync(picture, uprightSize(picture));
  return order === "pillow13" && goesDownFirst(turned, size)
    ? resizedAcross(resizedDown(turned, size.height), size.width)
    : resizedDown(resizedAcross(turned, size.width), size.height);
}
