/** What HLA-GCN is known by, without libtorch. */
import type { SystemFacts } from "../types.js";

export const HLAGCN = "hlagcn";

/** See {@link SystemFacts}. */
export const hlagcnFacts: SystemFacts = {
  name: HLAGCN,
  title: "HLA-GCN",
  variants: ["resnet50"],
  prepareBy: async (steps) => (await import("./prepare.js")).prepareWithShape(steps),
};
