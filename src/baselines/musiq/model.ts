/** MUSIQ with its weights. */
import { Params, type ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { noLoss, ratedRows, votesLoss } from "../common/losses.js";
import { openOutput } from "../common/outputs.js";
import { NetworkBaseline } from "../common/pixels-baseline.js";
import { SCORE, type Answer, type Inputs, type Loss, type Output, type Targets } from "../types.js";
import type { MusiqConfig } from "./config.js";
import { MUSIQ } from "./facts.js";
import { publishedInit } from "./init.js";
import { musiqInputs } from "./inputs.js";
import { MusiqNetwork } from "./network.js";

export class MusiqModel extends NetworkBaseline {
  readonly family = MUSIQ;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: NetworkBaseline["inputs"];
  readonly #network: MusiqNetwork;
  readonly #hasBins: boolean;

  constructor(config: MusiqConfig, source: ParamSource) {
    const params = new Params(publishedInit(source));
    super(params);
    this.config = config.raw;
    this.outputs = [openOutput(config)];
    this.#hasBins = config.bins !== undefined;
    this.#network = new MusiqNetwork(params, config);
    this.inputs = musiqInputs(config, this.device);
  }

  /** @param inputs `patches` `[P, 3, side, side]`, `positions` and `scales` `[P]`, `lengths` `[B]`: patches of each picture */
  forward(inputs: Inputs): Answer {
    const { patches, positions, scales, lengths } = inputs as Record<string, Tensor>;
    const { values, features } = this.#network.forward(
      (patches as Tensor).to(this.dtype),
      positions as Tensor,
      scales as Tensor,
      (lengths as Tensor).toNumbers(),
    );
    const score = this.#hasBins ? values.to("float32").softmax(-1) : values.squeeze(-1);
    return { outputs: { [SCORE]: score }, features };
  }

  /** The earth mover's distance to the votes with r = 2, or of one number the distance itself (section 3.4). */
  loss(answer: Answer, targets: Targets): Loss {
    const loss = this.#hasBins ? votesLoss(answer, targets) : distance(answer, targets);
    return { loss, terms: { [SCORE]: loss } };
  }
}

function distance(answer: Answer, targets: Targets): Tensor {
  const predicted = answer.outputs[SCORE] as Tensor;
  const scores = targets.scores[SCORE];
  const rated = scores && ratedRows(predicted, scores);
  if (!scores || !rated) return noLoss(predicted);
  return rated
    .sub(ratedRows(scores, scores) as Tensor)
    .abs()
    .mean();
}
