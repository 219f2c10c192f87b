/** BIAA (Zhu et al., "Personalized Image Aesthetics Assessment via Meta-Learning With Bilevel Gradient Optimization", 2020). */
import type { ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { madeBy } from "../common/load.js";
import { wantedOutputs } from "../common/outputs.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { refuseAttributes, refuseBins } from "../common/rating-config.js";
import { torchvisionResNet } from "../common/resnet-pretrained.js";
import { squashInputs } from "../common/squash-inputs.js";
import { onScale, shareLoss } from "../common/unit-score.js";
import { SCORE, type Answer, type Loss, type NewModel, type Output, type System, type Targets } from "../types.js";
import { parseBiaaConfig, PUBLISHED, TINY, type BiaaConfig } from "./config.js";
import { BIAA, biaaFacts } from "./facts.js";
import { BiaaNetwork } from "./network.js";
import { original } from "./original.js";

class Biaa extends PixelsBaseline {
  readonly family = BIAA;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: PixelsBaseline["inputs"];
  /** What the network's 0 and 1 are: 0, as the authors divide ratings from 1 to 5 by 5, and the highest score. */
  readonly #range: Output;

  constructor(
    { raw, score, steps }: BiaaConfig,
    private readonly network: BiaaNetwork,
  ) {
    super(network.params);
    this.config = raw;
    this.outputs = [score];
    this.inputs = squashInputs(steps);
    const { min, max } = score.scale;
    this.#range = { name: SCORE, scale: { min: max > 0 ? Math.min(0, min) : min, max } };
  }

  protected answer(pixels: Tensor, training: boolean): Answer {
    const { predicted, features } = this.network.forward(pixels, training);
    return { outputs: { [SCORE]: onScale(predicted, this.#range) }, features };
  }

  /** The mean squared error of what the network gives, from 0 to 1. */
  loss(answer: Answer, targets: Targets): Loss {
    const mse = shareLoss(answer, targets, this.#range);
    return { loss: mse, terms: { mse } };
  }
}

function configure(wanted: NewModel): Record<string, unknown> {
  refuseAttributes(biaaFacts.title, wanted);
  refuseBins(biaaFacts.title, wanted);
  return { model_type: BIAA, ...wantedOutputs(wanted), ...(wanted.tiny ? TINY : PUBLISHED) };
}

function created(config: BiaaConfig, source: ParamSource): Biaa {
  return new Biaa(config, new BiaaNetwork(source, config));
}

/** See {@link System}. */
export const biaa: System = {
  ...biaaFacts,
  ...madeBy(parseBiaaConfig, created),
  configure,
  original,
  pretrained(checkpoint, config) {
    const { resnet, classes } = parseBiaaConfig(config, checkpoint.path);
    return torchvisionResNet(checkpoint, resnet, { under: "resnet_layer.", classes });
  },
};
