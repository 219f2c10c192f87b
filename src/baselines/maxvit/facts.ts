/** What MaxViT is known by, and how it prepares a picture, without libtorch. */
import { z } from "zod";
import { resizeAs, shortestEdgeSize, uprightSize, type RgbImage, type StoredImage } from "../../image/index.js";
import type { SystemFacts } from "../types.js";

/** `model_type` of our files. */
export const MAXVIT = "maxvit";

/** Channels of each stage, blocks of each stage and channels of the stem of the published sizes. */
export const SIZES = {
  tiny: { dims: [64, 128, 256, 512], depths: [2, 2, 5, 2], stem: 64 },
  small: { dims: [96, 192, 384, 768], depths: [2, 2, 5, 2], stem: 64 },
  base: { dims: [96, 192, 384, 768], depths: [2, 6, 14, 2], stem: 64 },
  large: { dims: [128, 256, 512, 1024], depths: [2, 6, 14, 2], stem: 128 },
  xlarge: { dims: [192, 384, 768, 1536], depths: [2, 6, 14, 2], stem: 192 },
} as const;

/** Sides in pixels of the pictures that weights are published for. */
const SIDES = [224, 384, 512] as const;

export type SizeName = keyof typeof SIZES;
const NAMES = Object.keys(SIZES) as SizeName[];

export const maxvitFacts: SystemFacts = {
  name: MAXVIT,
  title: "MaxViT",
  variants: NAMES.flatMap((size) => SIDES.map((side) => `${size}_${side}`)),
  prepareBy: (given) => {
    const steps = stepsSchema.parse(given);
    return Promise.resolve((picture) => resized(picture, steps));
  },
};

/**
 * How a picture comes to the size that the network takes: "squash": to a square of `side`; "center": its shorter side to `side`,
 * and the middle is cut out of it afterwards.
 */
export interface ResizeSteps {
  readonly crop: "squash" | "center";
  readonly side: number;
}

const stepsSchema: z.ZodType<ResizeSteps> = z.object({ crop: z.enum(["squash", "center"]), side: z.number() });

/** What a picture becomes before it is cropped: Pillow's bicubic resize. */
export async function resized(picture: RgbImage | StoredImage, { crop, side }: ResizeSteps): Promise<RgbImage> {
  const size = crop === "squash" ? { width: side, height: side } : shortestEdgeSize(uprightSize(picture), side);
  return await resizeAs(picture, size, "bicubic");
}
