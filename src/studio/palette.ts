/** Colours by lightness, chroma and hue (OKLCH), and palettes between harmony and clash. */
import { Random } from "../random.js";

/** What a palette's colours are for. Scenes request colours by role, so that harmony governs every large area. */
export type Role = "ground" | "second" | "subject" | "detail" | "accent";

/** A colour of a role: lightness in [0, 1], chroma relative to the palette's, alpha in [0, 1]. */
export type Palette = (role: Role, lightness: number, chroma?: number, alpha?: number) => string;

const CHROMA = 0.09;

/** Degrees from the base hue: neighbours and one complement. */
const HARMONIOUS: Readonly<Record<Role, number>> = { ground: 0, second: 30, detail: -20, subject: 45, accent: 180 };
/** Degrees from the base hue: all around the circle. */
const CLASHING: Readonly<Record<Role, number>> = { ground: 0, second: 140, detail: -75, subject: 220, accent: 80 };

/** OKLCH hues by role, degrees. */
export type Hues = Readonly<Record<Role, number>>;

/**
 * The hues of a palette around one base hue.
 *
 * @param hue degrees, OKLCH (30 red, 90 yellow, 140 green, 230 sky, 300 violet)
 * @param merit harmony in [0, 1]: 1 = {@link HARMONIOUS}, 0 = {@link CLASHING}, interpolated in between
 */
export function makeHues(hue: number, merit: number, random: Random): Hues {
  const mirror = random.chance(0.5) ? 1 : -1;
  const hues = { ground: 0, second: 0, subject: 0, detail: 0, accent: 0 };
  for (const role of Object.keys(HARMONIOUS) as Role[]) {
    const offset = HARMONIOUS[role] * merit + CLASHING[role] * (1 - merit);
    hues[role] = hue + mirror * offset;
  }
  return hues;
}

/** A palette of these hues. */
export function makePalette(hues: Hues): Palette {
  return (role, lightness, chroma = 1, alpha = 1) => oklch(lightness, CHROMA * chroma, hues[role], alpha);
}

/** A CSS colour of OKLCH coordinates (Björn Ottosson, "A perceptual color space", 2020); clipped to sRGB. */
export function oklch(lightness: number, chroma: number, hue: number, alpha = 1): string {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const red = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
  const green = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
  const blue = -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s;
  return `rgba(${byteOf(red)},${byteOf(green)},${byteOf(blue)},${alpha})`;
}

/** Linear light in [0, 1] to an sRGB byte. */
function byteOf(linear: number): number {
  const x = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055));
}
