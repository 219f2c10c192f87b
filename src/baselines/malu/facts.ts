/** What Malu's checkpoints are known by. */
import { prepareResized } from "../common/prepare.js";
import type { SystemFacts } from "../types.js";

export const maluFacts: SystemFacts = {
  name: "malu",
  title: "Malu et al.",
  variants: ["resnet50"],
  prepareBy: prepareResized,
};
