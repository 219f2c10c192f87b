/** The linear map `x Wᵀ + b`. */
import { aten, type Tensor } from "../torch/index.js";
import { fanIn, type Init, type Params } from "./params.js";

const linear = aten("linear");

export class Linear {
  /** `[outputs, inputs]` */
  weight: Tensor;
  /** `[outputs]` or null */
  readonly bias: Tensor | null;

  /** @param options `init` of the weight (default: {@link fanIn}); a bias starts as 0 */
  constructor(params: Params, inputs: number, outputs: number, options: { bias: boolean; init?: Init }) {
    this.weight = params.get("weight", [outputs, inputs], options.init ?? fanIn(inputs));
    this.bias = options.bias ? params.get("bias", [outputs], "zeros") : null;
  }

  /** `[..., inputs] -> [..., outputs]` */
  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
