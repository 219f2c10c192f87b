/** EAT (He et al., ACM MM 2023): a deformable attention transformer whose reference points are predicted, and one linear map. */
import { Linear, Params, type ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { Dat } from "../common/dat.js";
import { DAT_BASE, DAT_TINY } from "../common/dat-config.js";
import { datPretrained } from "../common/dat-original.js";
import { pytorchInit } from "../common/initial.js";
import { madeBy } from "../common/load.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { wantedOutputs } from "../common/outputs.js";
import { refuseAttributes, squashOf } from "../common/rating-config.js";
import { squashInputs } from "../common/squash-inputs.js";
import { onScale, ratingLoss } from "../common/unit-score.js";
import { SCORE, type Answer, type Loss, type NewModel, type Output, type System, type Targets } from "../types.js";
import { parseEatConfig, type EatConfig } from "./config.js";
import { EAT, eatFacts, VARIANTS } from "./facts.js";
import { original } from "./original.js";

class Eat extends PixelsBaseline {
  readonly family = EAT;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: PixelsBaseline["inputs"];
  readonly mixesBatch: boolean;
  readonly #backbone: Dat;
  readonly #head: Linear;
  readonly #score: Output;

  constructor(source: ParamSource, { raw, score, steps, dat }: EatConfig) {
    const params = new Params(source);
    super(params);
    this.config = raw;
    this.#score = score;
    this.outputs = [this.#score];
    this.inputs = squashInputs(steps);
    this.mixesBatch = dat.reference === "batch";
    this.#backbone = new Dat(params, dat);
    const width = dat.dims[3];
    this.#head = new Linear(params.at("cls_head"), width, score.values?.length ?? 1, {
      bias: true,
      ...pytorchInit(width),
    });
  }

  /** The last map as it is: neither a softmax nor a sigmoid is published. */
  protected answer(pixels: Tensor, training: boolean): Answer {
    const features = this.#backbone.forward(pixels, training);
    const last = this.#head.forward(features);
    const score = this.#score.values ? last : onScale(last.squeeze(1), this.#score);
    return { outputs: { [SCORE]: score }, features };
  }

  loss(answer: Answer, targets: Targets): Loss {
    return ratingLoss(answer, targets, this.#score);
  }
}

function configure(wanted: NewModel): Record<string, unknown> {
  const { variant = VARIANTS[0], tiny = false } = wanted;
  refuseAttributes(eatFacts.title, wanted);
  const reference = variant === "base" ? "batch" : "picture";
  return { model_type: EAT, ...wantedOutputs(wanted), ...squashOf(wanted), ...(tiny ? DAT_TINY : DAT_BASE), reference };
}

/** See {@link System}. */
export const eat: System = {
  ...eatFacts,
  ...madeBy(parseEatConfig, (config, source) => new Eat(source, config)),
  configure,
  original,
  pretrained: datPretrained,
};
