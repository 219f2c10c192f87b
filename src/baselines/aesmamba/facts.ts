/** What AesMamba is known by, without libtorch. */
import type { SystemFacts } from "../types.js";

export const AESMAMBA = "aesmamba";

/** See {@link SystemFacts}. */
export const aesmambaFacts: SystemFacts = {
  name: AESMAMBA,
  title: "AesMamba",
  variants: ["tiny"],
  prepareBy: async (steps) => (await import("../common/squash.js")).prepareSquashed(steps),
};
