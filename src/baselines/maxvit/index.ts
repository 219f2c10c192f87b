/** MaxViT, the multi-axis vision transformer (Tu et al., ECCV 2022, arXiv 2204.01697), with NIMA's distribution of ratings. */
import { RocError } from "../../errors.js";
import { madeBy } from "../common/load.js";
import type { NewModel, System } from "../types.js";
import { parseMaxVitConfig, pictureFields } from "./config.js";
import { MAXVIT, maxvitFacts, SIZES, type SizeName } from "./facts.js";
import { MaxVitModel } from "./model.js";
import { originalMaxVit, pretrainedMaxVit } from "./original.js";

/** Of the same make, for tests: pictures of 64 pixels, windows of 2 tokens. */
const TINY = {
  ...{ embed_dims: [8, 8, 12, 16], depths: [1, 1, 1, 1], stem_width: 8, head_dim: 4 },
  ...{ image_size: 64, crop: "squash", image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] },
};

function configure({ variant, scale, bins, attributes = [], tiny = false }: NewModel): Record<string, unknown> {
  if (attributes.length > 0) {
    const names = attributes.map(({ name }) => name).join(", ");
    const remedy = "Train one model for each: leave attributes out, and name the attribute as the score.";
    throw new RocError("USAGE", `MaxViT predicts one score, and no attributes (${names}). ${remedy}`);
  }
  const [size = "", side = ""] = (variant ?? maxvitFacts.variants[0] ?? "").split("_");
  const { dims, depths, stem } = SIZES[size as SizeName];
  const shape = { embed_dims: dims, depths, stem_width: stem, ...pictureFields(Number(side), dims) };
  return { model_type: MAXVIT, ...(tiny ? TINY : shape), ...(bins === undefined ? {} : { bins }), scale };
}

export const maxvit: System = {
  ...maxvitFacts,
  configure,
  ...madeBy(parseMaxVitConfig, (config, source) => new MaxVitModel(config, source)),
  original: originalMaxVit,
  pretrained: pretrainedMaxVit,
};
