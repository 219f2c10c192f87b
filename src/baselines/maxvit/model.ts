/** MaxViT with its weights. */
import { Params, type ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { CroppedInputs } from "../common/inputs.js";
import { squaredLoss, votesLoss } from "../common/losses.js";
import { openOutput } from "../common/outputs.js";
import { PixelsBaseline } from "../common/pixels-baseline.js";
import { SCORE, type Answer, type Loss, type Output, type Targets } from "../types.js";
import type { MaxVitConfig } from "./config.js";
import { MAXVIT } from "./facts.js";
import { publishedInit } from "./init.js";
import { MaxVitNetwork } from "./network.js";

export class MaxVitModel extends PixelsBaseline {
  readonly family = MAXVIT;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs: CroppedInputs;
  readonly #network: MaxVitNetwork;
  readonly #hasBins: boolean;

  constructor(config: MaxVitConfig, source: ParamSource) {
    const params = new Params(publishedInit(source, config.dims.at(-1) ?? 1));
    super(params);
    this.config = config.raw;
    this.outputs = [openOutput(config)];
    this.#hasBins = config.bins !== undefined;
    this.#network = new MaxVitNetwork(params, config);
    this.inputs = new CroppedInputs(config.pictures);
  }

  /** @param pixels `[B, 3, imageSize, imageSize]` */
  protected answer(pixels: Tensor, training: boolean): Answer {
    const { values, features } = this.#network.forward(pixels, training);
    const score = this.#hasBins ? values.to("float32").softmax(-1) : values.squeeze(-1);
    return { outputs: { [SCORE]: score }, features };
  }

  /** NIMA's of the distribution, or of one number the mean square. */
  loss(answer: Answer, targets: Targets): Loss {
    const loss = this.#hasBins ? votesLoss(answer, targets) : squaredLoss(answer, targets, SCORE);
    return { loss, terms: { [SCORE]: loss } };
  }
}
