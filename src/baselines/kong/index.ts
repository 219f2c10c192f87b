/** Kong et al.: a score and eleven attributes on AlexNet. */
import { strictBaseline } from "../common/load.js";
import type { System } from "../types.js";
import { configure, readConfig } from "./config.js";
import { kongFacts } from "./facts.js";
import { Kong } from "./network.js";
import { original, pretrained } from "./original.js";

export const kong: System = {
  ...kongFacts,
  load(config, checkpoint, options, file) {
    const parsed = readConfig(config, file);
    return strictBaseline(checkpoint, options, (source) => new Kong(parsed, source));
  },
  configure,
  create: (config, source) => new Kong(readConfig(config, "config.json"), source),
  original,
  pretrained,
};
