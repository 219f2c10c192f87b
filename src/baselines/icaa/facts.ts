/** What ICAA's delegate transformer is known by, without libtorch. */
import type { SystemFacts } from "../types.js";

export const ICAA = "icaa";

/** The network of ICAA17K, the same with each picture's own reference points, and that of SPAQ, without a gate. */
export const VARIANTS = ["icaa17k", "icaa17k-per-picture", "spaq"] as const;

/** See {@link SystemFacts}. */
export const icaaFacts: SystemFacts = {
  name: ICAA,
  title: "ICAA (delegate transformer)",
  variants: VARIANTS,
  prepareBy: async (steps) => (await import("../common/squash.js")).prepareSquashed(steps),
};
