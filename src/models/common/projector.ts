/** What leads from the vision tower to the language model in LLaVA's families: two linear maps, an activation between. */
import { ACTIVATIONS, Linear, type ActivationName, type Params } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";

export interface ProjectorConfig {
  /** Size of the tower's rows: all layers that are looked at, side by side. */
  readonly inputs: number;
  /** Size of the language model's rows. */
  readonly outputs: number;
  readonly activation: ActivationName;
  readonly bias: boolean;
}

export class Projector {
  readonly #first: Linear;
  readonly #second: Linear;
  readonly #activation: ActivationName;

  constructor(params: Params, { inputs, outputs, activation, bias }: ProjectorConfig) {
    this.#first = new Linear(params.at("linear_1"), inputs, outputs, { bias });
    this.#second = new Linear(params.at("linear_2"), outputs, outputs, { bias });
    this.#activation = activation;
  }

  /** `[..., inputs] -> [..., outputs]` */
  forward(features: Tensor): Tensor {
    return this.#second.forward(ACTIVATIONS[this.#activation](this.#first.forward(features)));
  }
}
