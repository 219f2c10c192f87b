/** MUSIQ, the multi-scale image quality transformer (Ke et al., ICCV 2021, arXiv 2108.05997). */
import { RocError } from "../../errors.js";
import { madeBy } from "../common/load.js";
import type { NewModel, System } from "../types.js";
import { parseMusiqConfig } from "./config.js";
import { MUSIQ, musiqFacts } from "./facts.js";
import { MusiqModel } from "./model.js";
import { originalMusiq, pretrainedMusiq } from "./original.js";

/** Of the same make, for tests. */
const TINY = {
  ...{ stem_width: 4, hidden_size: 12, mlp_dim: 16, num_heads: 2, num_layers: 2, grid_size: 4 },
  ...{ longer_sides: [64, 96], training_patches: 20 },
};

function configure({ variant = musiqFacts.variants[0], scale, bins, attributes = [], tiny }: NewModel) {
  if (attributes.length > 0) {
    const names = attributes.map(({ name }) => name).join(", ");
    const remedy = "Train one model for each: leave attributes out, and name the attribute as the score.";
    throw new RocError("USAGE", `MUSIQ predicts one score, and no attributes (${names}). ${remedy}`);
  }
  return { model_type: MUSIQ, form: variant, ...(tiny ? TINY : {}), ...(bins === undefined ? {} : { bins }), scale };
}

export const musiq: System = {
  ...musiqFacts,
  configure,
  ...madeBy(parseMusiqConfig, (config, source) => new MusiqModel(config, source)),
  original: originalMusiq,
  pretrained: pretrainedMusiq,
};
