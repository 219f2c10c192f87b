/** The linear map `x Wᵀ + b`. */
import { aten, type Tensor } from "../torch/index.js";
import type { LoraAdapter } from "./lora.js";
import { fanIn, type Init, type Params } from "./params.js";

const linear = aten("linear");

/** Linear layers by weight, to find the layer of a parameter. */
const owners = new WeakMap<Tensor, Linear>();

export class Linear {
  /** `[outputs, inputs]` */
  weight: Tensor;
  /** `[outputs]` or null */
  readonly bias: Tensor | null;
  /** Adds its output to that of this layer; see lora.ts. */
  adapter: LoraAdapter | null = null;

  /** @param options `init` of the weight (default: {@link fanIn}); a bias starts as 0 */
  constructor(params: Params, inputs: number, outputs: number, options: { bias: boolean; init?: Init }) {
    this.weight = params.get("weight", [outputs, inputs], options.init ?? fanIn(inputs));
    this.bias = options.bias ? params.get("bias", [outputs], "zeros") : null;
    owners.set(this.weight, this);
  }

  /** `[..., inputs] -> [..., outputs]` */
  forward(x: Tensor): Tensor {
    const y = linear(x, this.weight, this.bias);
    return this.adapter === null ? y : this.adapter.addTo(y, x);
  }
}

/** The linear layer whose weight is this parameter; undefined where there is none. */
export function linearOf(weight: Tensor): Linear | undefined {
  return owners.get(weight);
}
