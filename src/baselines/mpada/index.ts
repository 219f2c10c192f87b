/** MP_ada: good or bad, by several crops on a ResNet-18. */
import { strictBaseline } from "../common/load.js";
import type { System } from "../types.js";
import { configure, readConfig } from "./config.js";
import { mpadaFacts } from "./facts.js";
import { Mpada } from "./network.js";
import { original, pretrained } from "./original.js";

export const mpada: System = {
  ...mpadaFacts,
  load(config, checkpoint, options, file) {
    const parsed = readConfig(config, file);
    return strictBaseline(checkpoint, options, (source) => new Mpada(parsed, source));
  },
  configure,
  create: (config, source) => new Mpada(readConfig(config, "config.json"), source),
  original,
  pretrained,
};
