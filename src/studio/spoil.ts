/** Damage at a known place: pictures of which it is known where they are bad. */
import { Random, type SeedPart } from "../random.js";

/** A picture: 8-bit red, green, blue, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What can happen to a part of a picture. */
export const DAMAGES = ["dark", "bright", "noise", "blur", "cast"] as const;
export type Damage = (typeof DAMAGES)[number];

/** A rectangle as shares of a picture's width and height. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Spoilt {
  readonly picture: Pixels;
  readonly damage: Damage;
  readonly region: Region;
}

/** Sides of the damaged part, as shares of the picture's. */
const SIDES = { from: 0.22, to: 0.38 };
/** Of the noise, in greys. */
const NOISE = 70;
/** Radius of the blur as a share of the longer side. */
const RADIUS = 0.05;

/** One damage in one rectangle, drawn by the seed. The picture stays as it is. */
export function spoil(picture: Pixels, seed: SeedPart, damages: readonly Damage[] = DAMAGES): Spoilt {
  const random = new Random(seed, "spoil");
  const damage = damages[random.int(damages.length)] ?? "dark";
  const [width, height] = [random.uniform(SIDES.from, SIDES.to), random.uniform(SIDES.from, SIDES.to)];
  const region = { left: random.uniform(0, 1 - width), top: random.uniform(0, 1 - height), width, height };
  return { picture: damaged(picture, damage, region, random), damage, region };
}

function damaged(picture: Pixels, damage: Damage, region: Region, random: Random): Pixels {
  const { width, height } = picture;
  const data = Uint8Array.from(picture.data);
  const soft = damage === "blur" ? blurred(picture, region) : undefined;
  const [left, right] = [Math.round(region.left * width), Math.round((region.left + region.width) * width)];
  const [top, bottom] = [Math.round(region.top * height), Math.round((region.top + region.height) * height)];
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) {
      const at = (y * width + x) * 3;
      for (let channel = 0; channel < 3; channel++) {
        const level = data[at + channel] as number;
        const value =
          damage === "dark"
            ? level * 0.2
            : damage === "bright"
              ? 255 - (255 - level) * 0.2
              : damage === "noise"
                ? level + random.gaussian(0, NOISE)
                : damage === "cast"
                  ? level * 0.4 + (channel === 1 ? 0 : 150)
                  : ((soft as Pixels).data[at + channel] as number);
        data[at + channel] = Math.min(255, Math.max(0, Math.round(value)));
      }
    }
  return { width, height, data };
}

/** Means over a square, from the sums of all rectangles from the top left corner. */
function blurred({ width, height, data }: Pixels, region: Region): Pixels {
  const radius = Math.max(1, Math.round(RADIUS * Math.max(width, height)));
  const out = Uint8Array.from(data);
  const wide = width + 1;
  for (let channel = 0; channel < 3; channel++) {
    const sums = new Float64Array(wide * (height + 1));
    for (let y = 0; y < height; y++)
      for (let x = 0, row = 0; x < width; x++) {
        row += data[(y * width + x) * 3 + channel] as number;
        sums[(y + 1) * wide + x + 1] = (sums[y * wide + x + 1] as number) + row;
      }
    const sum = (x: number, y: number): number => sums[y * wide + x] as number;
    for (let y = Math.floor(region.top * height); y < height; y++)
      for (let x = Math.floor(region.left * width); x < width; x++) {
        const [x0, x1] = [Math.max(0, x - radius), Math.min(width, x + radius + 1)];
        const [y0, y1] = [Math.max(0, y - radius), Math.min(height, y + radius + 1)];
        const total = sum(x1, y1) - sum(x0, y1) - sum(x1, y0) + sum(x0, y0);
        out[(y * width + x) * 3 + channel] = total / ((x1 - x0) * (y1 - y0));
      }
  }
  return { width, height, data: out };
}
