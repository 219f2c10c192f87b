/** What MaxViT is known by, without libtorch. */
import { prepareResized } from "../common/prepare.js";
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
  prepareBy: prepareResized,
};
