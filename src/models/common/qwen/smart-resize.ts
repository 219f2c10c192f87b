/** The size that a picture is resized to (`smart_resize` of transformers' image processors of Qwen's models). */
import { RocError } from "../../../errors.js";
import type { Size } from "../../../image/index.js";

export interface PixelLimits {
  /** What both sides are multiples of: a merged block's side in pixels. */
  readonly factor: number;
  readonly minPixels: number;
  readonly maxPixels: number;
}

const MOST_STRETCHED = 200;

/**
 * Both sides are rounded to multiples of `factor`, each by itself, and shrunk or grown with the same ratio where the
 * picture has more pixels than `maxPixels` or fewer than `minPixels`.
 *
 * The result is its own result, so a resized picture can be kept; but not where a side reaches `factor` while shrinking,
 * which takes a `maxPixels` below 200 blocks and a picture of about that ratio.
 *
 * @throws RocError IMAGE_UNSUPPORTED for a picture over 200 times as long as it is wide, as the reference
 */
export function smartResize({ width, height }: Size, { factor, minPixels, maxPixels }: PixelLimits): Size {
  const ratio = Math.max(width, height) / Math.min(width, height);
  if (ratio > MOST_STRETCHED) {
    const text = `A picture of ${width} x ${height} pixels is over ${MOST_STRETCHED} times as long as it is wide`;
    throw new RocError("IMAGE_UNSUPPORTED", `${text}: the model takes no such pictures. Crop it.`);
  }
  const both = (side: (length: number) => number): Size => ({ width: side(width), height: side(height) });
  const near = both((length) => roundHalfToEven(length / factor) * factor);
  if (near.width * near.height > maxPixels) {
    const beta = Math.sqrt((height * width) / maxPixels);
    return both((length) => Math.max(factor, Math.floor(length / beta / factor) * factor));
  }
  if (near.width * near.height < minPixels) {
    const beta = Math.sqrt(minPixels / (height * width));
    return both((length) => Math.ceil((length * beta) / factor) * factor);
  }
  return near;
}

/** Python's `round`: a half goes to the even neighbour. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
