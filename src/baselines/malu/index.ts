/** Malu et al.: a score and eleven attributes on all blocks of a ResNet-50. */
import { strictBaseline } from "../common/load.js";
import type { System } from "../types.js";
import { configure, readConfig } from "./config.js";
import { maluFacts } from "./facts.js";
import { Malu } from "./network.js";
import { original, pretrained } from "./original.js";

export const malu: System = {
  ...maluFacts,
  load(config, checkpoint, options, file) {
    const parsed = readConfig(config, file);
    return strictBaseline(checkpoint, options, (source) => new Malu(parsed, source));
  },
  configure,
  create: (config, source) => new Malu(readConfig(config, "config.json"), source),
  original,
  pretrained,
};
