/** CLIP's tower with LAION's aesthetic heads: a small judge of photographs. */
import { RocError } from "../../errors.js";
import { Params, type ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { madeBy } from "../common/load.js";
import { squaredLoss } from "../common/losses.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { refuseAttributes, refuseBins } from "../common/rating-config.js";
import { SCORE, type Answer, type Loss, type NewModel, type Output, type System, type Targets } from "../types.js"; // prettier-ignore
import { MLP_SIZES, parseLaionConfig, type LaionConfig } from "./config.js";
import { laionFacts, VARIANTS } from "./facts.js";
import type { HeadKind } from "./heads.js";
import { clipInputs } from "./inputs.js";
import { LAION } from "./names.js";
import { LaionNetwork } from "./network.js";
import { original, towerOf, withHead } from "./original.js";

class Laion extends PixelsBaseline {
  readonly family = LAION;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: PixelsBaseline["inputs"];
  readonly #network: LaionNetwork;

  constructor(source: ParamSource, config: LaionConfig, file: string) {
    const params = new Params(source);
    super(params);
    this.config = config.raw;
    this.outputs = [{ name: SCORE, scale: config.scale, unbounded: true }];
    // What may be wrong with it is found before there are weights to be freed.
    this.inputs = clipInputs(config, () => this.device, file);
    this.#network = new LaionNetwork(params, config);
  }

  protected answer(pixels: Tensor, training: boolean): Answer {
    const { score, embedding } = this.#network.forward(pixels, training);
    return { outputs: { [SCORE]: score }, features: embedding };
  }

  /** The mean of the squared errors, as published (v2). */
  loss(answer: Answer, targets: Targets): Loss {
    const mse = squaredLoss(answer, targets, SCORE);
    return { loss: mse, terms: { mse } };
  }
}

/** The published towers. */
const TOWERS = {
  "ViT-L/14": { hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16, patch_size: 14, projection_dim: 768 }, // prettier-ignore
  "ViT-B/32": { hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12, patch_size: 32, projection_dim: 512 }, // prettier-ignore
  "ViT-B/16": { hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, num_attention_heads: 12, patch_size: 16, projection_dim: 512 }, // prettier-ignore
} as const;

/** For tests. */
const TINY = { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2, patch_size: 8, image_size: 32, projection_dim: 12 }; // prettier-ignore
const TINY_SIZES = [16, 8, 4];

const NETWORKS: Readonly<Record<string, { readonly tower: keyof typeof TOWERS; readonly head: HeadKind }>> = {
  v2: { tower: "ViT-L/14", head: "mlp" },
  "v2-relu": { tower: "ViT-L/14", head: "mlp-relu" },
  v1: { tower: "ViT-L/14", head: "linear" },
  "v1-b32": { tower: "ViT-B/32", head: "linear" },
  "v1-b16": { tower: "ViT-B/16", head: "linear" },
};

function configure(wanted: NewModel): Record<string, unknown> {
  const { variant = VARIANTS[0], scale, tiny = false } = wanted;
  const network = NETWORKS[variant];
  if (!network)
    throw new RocError("USAGE", `${laionFacts.title} has no variant "${variant}"; it has ${VARIANTS.join(", ")}.`);
  refuseBins(laionFacts.title, wanted);
  refuseAttributes(laionFacts.title, wanted);
  const { head, tower } = network;
  const sizes = head === "linear" ? {} : { head_sizes: tiny ? TINY_SIZES : [...MLP_SIZES] };
  const fields = tiny ? TINY : { ...TOWERS[tower], image_size: 224 };
  return { model_type: LAION, ...fields, hidden_act: "quick_gelu", head, ...sizes, scale: { ...scale } };
}

/** See {@link System}. */
export const laion: System = {
  ...laionFacts,
  ...madeBy(parseLaionConfig, (config, source, file) => new Laion(source, config, file)),
  configure,
  untrained: ["vision_model", "visual_projection"],
  original,
  withHead,
  pretrained: towerOf,
};
