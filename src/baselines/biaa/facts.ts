/** What BIAA is known by, without libtorch. */
import type { SystemFacts } from "../types.js";

export const BIAA = "biaa";

/** See {@link SystemFacts}. */
export const biaaFacts: SystemFacts = {
  name: BIAA,
  title: "BIAA",
  variants: ["resnet18"],
  prepareBy: async (steps) => (await import("../common/squash.js")).prepareSquashed(steps),
};
