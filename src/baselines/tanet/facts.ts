/** What TANet is known by, without libtorch. */
import type { SystemFacts } from "../types.js";

export const TANET = "tanet";

/** Whether a picture's theme is its own, as the paper has it, or mixed over the batch, as in the published code. */
export const VARIANTS = ["per-picture", "published"] as const;

/** See {@link SystemFacts}. */
export const tanetFacts: SystemFacts = {
  name: TANET,
  title: "TANet",
  variants: VARIANTS,
  prepareBy: async (steps) => (await import("../common/squash.js")).prepareSquashed(steps),
};
