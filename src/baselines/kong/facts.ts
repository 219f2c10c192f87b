/** What Kong's checkpoints are known by. */
import { prepareResized } from "../common/prepare.js";
import type { SystemFacts } from "../types.js";

export const kongFacts: SystemFacts = {
  name: "kong",
  title: "Kong et al.",
  variants: ["alexnet"],
  prepareBy: prepareResized,
};
