/** Linear maps with a copy of their weights packed for oneDNN's products. */
import { keep, noGrad, type Tensor } from "../torch/index.js";
import { packedLinear, packWeight } from "../torch/packed.js";
import type { LinearForm } from "./linear.js";

export class PackedForm implements LinearForm {
  readonly name = "packed";
  readonly #packed: Tensor;

  /** @param weight `[outputs, inputs]` bfloat16 on the CPU; it stays the model's, and is not looked at again */
  constructor(weight: Tensor) {
    this.#packed = keep(noGrad(() => packWeight(weight)));
  }

  forward(x: Tensor, bias: Tensor | null): Tensor {
    return packedLinear(x, this.#packed, bias);
  }

  dispose(): void {
    this.#packed.dispose();
  }
}
