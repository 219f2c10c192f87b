/** What EAT is known by, without libtorch. */
import type { SystemFacts } from "../types.js";

export const EAT = "eat";

/** Whether the points that places start from are the mean over a batch, as published, or each picture's own. */
export const VARIANTS = ["base", "base-per-picture"] as const;

/** See {@link SystemFacts}. */
export const eatFacts: SystemFacts = {
  name: EAT,
  title: "EAT",
  variants: VARIANTS,
  prepareBy: async (steps) => (await import("../common/squash.js")).prepareSquashed(steps),
};
