/** MaxViT with its weights. */
import { disposeParameters, Params, type ParamSource } from "../../nn/index.js";
import type { DType, Tensor } from "../../torch/index.js";
import { squaredLoss, votesLoss } from "../common/losses.js";
import { scoreOutput } from "../common/outputs.js";
import { SCORE, type Answer, type Baseline, type Inputs, type Loss, type Output, type Targets } from "../types.js";
import type { MaxVitConfig } from "./config.js";
import { MAXVIT } from "./facts.js";
import { publishedInit } from "./init.js";
import { maxvitInputs } from "./inputs.js";
import { MaxVitNetwork } from "./network.js";

export class MaxVitModel implements Baseline {
  readonly family = MAXVIT;
  readonly config: Readonly<Record<string, unknown>>;
  readonly outputs: readonly Output[];
  readonly inputs;
  readonly dtype: DType;
  readonly device: string;
  readonly #params: Params;
  readonly #network: MaxVitNetwork;
  readonly #hasBins: boolean;

  constructor(config: MaxVitConfig, source: ParamSource) {
    this.config = config.raw;
    this.outputs = [scoreOutput(config)];
    this.#hasBins = config.bins !== undefined;
    this.#params = new Params(publishedInit(source, config.dims.at(-1) ?? 1));
    this.#network = new MaxVitNetwork(this.#params, config);
    const [first] = this.#params.tensors.values();
    [this.dtype, this.device] = [first?.dtype ?? "float32", first?.device ?? "cpu"];
    this.inputs = maxvitInputs(config, this.device);
  }

  /** @param inputs `pixelValues` `[B, 3, imageSize, imageSize]` */
  forward(inputs: Inputs, training: boolean): Answer {
    const pixels = (inputs["pixelValues"] as Tensor).to(this.dtype);
    const { values, features } = this.#network.forward(pixels, training);
    const score = this.#hasBins ? values.to("float32").softmax(-1) : values.squeeze(-1);
    return { outputs: { [SCORE]: score }, features };
  }

  /** NIMA's of the distribution, or of one number the mean square. */
  loss(answer: Answer, targets: Targets): Loss {
    const loss = this.#hasBins ? votesLoss(answer, targets) : squaredLoss(answer, targets, SCORE);
    return { loss, terms: { [SCORE]: loss } };
  }

  parameters(): Map<string, Tensor> {
    return new Map(this.#params.tensors);
  }

  buffers(): Map<string, Tensor> {
    return new Map(this.#params.buffers);
  }

  dispose(): void {
    disposeParameters([...this.#params.tensors.values(), ...this.#params.buffers.values()]);
  }
}
