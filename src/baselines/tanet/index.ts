/** TANet: see network.ts; whose files are read: original.ts. */
import type { ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { madeBy } from "../common/load.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { wantedOutputs } from "../common/outputs.js";
import { refuseAttributes, squashOf } from "../common/rating-config.js";
import { squashInputs } from "../common/squash-inputs.js";
import { onScale, ratingLoss } from "../common/unit-score.js";
import { SCORE, type Answer, type Loss, type NewModel, type Output, type System, type Targets } from "../types.js";
import { parseTanetConfig, PUBLISHED, TINY, type TanetConfig } from "./config.js";
import { TANET, tanetFacts, VARIANTS } from "./facts.js";
import { TanetNetwork } from "./network.js";
import { original, pretrained } from "./original.js";

class Tanet extends PixelsBaseline {
  readonly family = TANET;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: PixelsBaseline["inputs"];
  readonly mixesBatch: boolean;
  readonly #network: TanetNetwork;
  readonly #score: Output;

  constructor({ raw, score, steps, theme }: TanetConfig, network: TanetNetwork) {
    super(network.params, network.frozen);
    this.config = raw;
    this.#network = network;
    this.#score = score;
    this.outputs = [this.#score];
    this.inputs = squashInputs(steps);
    this.mixesBatch = theme === "batch";
  }

  protected answer(pixels: Tensor, training: boolean): Answer {
    const { predicted, features } = this.#network.forward(pixels, training);
    const score = this.#score.values ? predicted : onScale(predicted.squeeze(1), this.#score);
    return { outputs: { [SCORE]: score }, features };
  }

  loss(answer: Answer, targets: Targets): Loss {
    return ratingLoss(answer, targets, this.#score);
  }
}

function configure(wanted: NewModel): Record<string, unknown> {
  const { variant = VARIANTS[0], tiny = false } = wanted;
  refuseAttributes(tanetFacts.title, wanted);
  const theme = variant === "published" ? "batch" : "picture";
  return { model_type: TANET, ...wantedOutputs(wanted), ...squashOf(wanted), theme, ...(tiny ? TINY : PUBLISHED) };
}

function created(config: TanetConfig, source: ParamSource): Tanet {
  return new Tanet(config, new TanetNetwork(source, config));
}

/** See {@link System}. */
export const tanet: System = {
  ...tanetFacts,
  ...madeBy(parseTanetConfig, created),
  configure,
  original,
  pretrained,
};
