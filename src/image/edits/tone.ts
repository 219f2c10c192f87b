/**
 * Light and colour of 8-bit sRGB pictures: exposure, warmth, contrast, saturation, in this order, rounded once at the end. Each
 * step is clipped to what a byte can hold, as if it were made alone.
 */
import type { RgbImage } from "../types.js";
import type { Edits } from "./types.js";

/** The weights of red, green and blue in lightness (ITU-R BT.709), on encoded values as most editors take them. */
const LUMA = [0.2126, 0.7152, 0.0722] as const;
const WHITE = 255;
/** What contrast stretches about. */
const MIDDLE = WHITE / 2;

/** An encoded value, 0 to 1, as linear light (IEC 61966-2-1). */
function toLinear(value: number): number {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

/** Linear light, 0 to 1, as an encoded value. */
function toEncoded(light: number): number {
  return light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
}

/** Values 0 to 255 that take the place of each byte, per channel. */
type Curves = readonly [Float64Array, Float64Array, Float64Array];

function clipped(value: number): number {
  return Math.min(WHITE, Math.max(0, value));
}

/** Bytes with `stops` more light. */
function lightCurve(stops: number): Float64Array {
  if (stops === 0) return Float64Array.from({ length: 256 }, (_, byte) => byte);
  const gain = 2 ** stops;
  return Float64Array.from({ length: 256 }, (_, byte) => clipped(WHITE * toEncoded(gain * toLinear(byte / WHITE))));
}

/** What takes the place of each byte before colours are mixed. */
function curvesOf({ exposure = 0, warmth = 0, contrast = 1 }: Edits): Curves {
  const curve = (stops: number): Float64Array =>
    lightCurve(stops).map((value) => clipped(MIDDLE + contrast * (value - MIDDLE)));
  return [curve(exposure + warmth / 2), curve(exposure), curve(exposure - warmth / 2)];
}

/** The picture with other light and colours; itself where nothing changes. */
export function editTones(image: RgbImage, edits: Edits): RgbImage {
  const { exposure = 0, warmth = 0, contrast = 1, saturation = 1 } = edits;
  if (exposure === 0 && warmth === 0 && contrast === 1 && saturation === 1) return image;
  const [reds, greens, blues] = curvesOf(edits);
  const { width, height, data: from } = image;
  // Rounds and clips by itself.
  const data = new Uint8ClampedArray(from.length);
  for (let i = 0; i < from.length; i += 3) {
    const red = reds[from[i] as number] as number;
    const green = greens[from[i + 1] as number] as number;
    const blue = blues[from[i + 2] as number] as number;
    const grey = saturation === 1 ? 0 : (1 - saturation) * (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue);
    data[i] = grey + saturation * red;
    data[i + 1] = grey + saturation * green;
    data[i + 2] = grey + saturation * blue;
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}
