/** Kong et al.: a score and eleven attributes on AlexNet. */
import { madeBy } from "../common/load.js";
import type { System } from "../types.js";
import { configure, readConfig } from "./config.js";
import { kongFacts } from "./facts.js";
import { Kong } from "./network.js";
import { original, pretrained } from "./original.js";

export const kong: System = {
  ...kongFacts,
  ...madeBy(readConfig, (config, source) => new Kong(config, source)),
  configure,
  original,
  pretrained,
};
