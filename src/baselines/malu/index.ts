/** Malu et al.: a score and eleven attributes on all blocks of a ResNet-50. */
import { madeBy } from "../common/load.js";
import type { System } from "../types.js";
import { configure, readConfig } from "./config.js";
import { maluFacts } from "./facts.js";
import { Malu } from "./network.js";
import { original, pretrained } from "./original.js";

export const malu: System = {
  ...maluFacts,
  ...madeBy(readConfig, (config, source) => new Malu(config, source)),
  configure,
  original,
  pretrained,
};
