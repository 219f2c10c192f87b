/** What MAINet is known by, without libtorch. */
import type { SystemFacts } from "../types.js";

export const MAINET = "mainet";

/** See {@link SystemFacts}. */
export const mainetFacts: SystemFacts = {
  name: MAINET,
  title: "MAINet",
  variants: ["resnet50"],
  prepareBy: async (steps) => (await import("./prepare.js")).prepareScales(steps),
};
