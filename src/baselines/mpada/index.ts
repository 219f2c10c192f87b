/** MP_ada: good or bad, by several crops on a ResNet-18. */
import { madeBy } from "../common/load.js";
import type { System } from "../types.js";
import { configure, readConfig } from "./config.js";
import { mpadaFacts } from "./facts.js";
import { Mpada } from "./network.js";
import { original, pretrained } from "./original.js";

export const mpada: System = {
  ...mpadaFacts,
  ...madeBy(readConfig, (config, source) => new Mpada(config, source)),
  configure,
  original,
  pretrained,
};
