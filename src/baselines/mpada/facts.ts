/** What MP_ada's checkpoints are known by. */
import { prepareResized } from "../common/prepare.js";
import type { SystemFacts } from "../types.js";

export const mpadaFacts: SystemFacts = {
  name: "mpada",
  title: "MP_ada",
  variants: ["resnet18"],
  prepareBy: prepareResized,
};
