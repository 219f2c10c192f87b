/** The linear map `x Wᵀ + b`. */
import { RocError } from "../errors.js";
import { aten, type Tensor } from "../torch/index.js";
import type { LoraAdapter } from "./lora.js";
import { fanIn, type Init, type Params } from "./params.js";

const linear = aten("linear");

/** Linear layers by weight, to find the layer of a parameter. */
const owners = new WeakMap<Tensor, Linear>();

/** How a linear map computes in another way than by libtorch's product with its weight: for inference, without gradients. */
export interface LinearForm {
  /** For messages: what the weights are in it, as in "its weights are int8". */
  readonly name: string;
  /** `[..., inputs] -> [..., outputs]`, in the dtype of `x` */
  forward(x: Tensor, bias: Tensor | null): Tensor;
  /** Frees what the form holds; parameters are the model's. Twice is harmless. */
  dispose(): void;
}

export class Linear {
  /** `[outputs, inputs]` */
  weight: Tensor;
  /** `[outputs]` or null */
  readonly bias: Tensor | null;
  /** Adds its output to that of this layer; see lora.ts. */
  adapter: LoraAdapter | null = null;
  #form: LinearForm | null = null;

  /** @param options `init` of the weight (default: {@link fanIn}); a bias starts as 0 */
  constructor(params: Params, inputs: number, outputs: number, options: { bias: boolean; init?: Init }) {
    this.weight = params.get("weight", [outputs, inputs], options.init ?? fanIn(inputs));
    this.bias = options.bias ? params.get("bias", [outputs], "zeros") : null;
    owners.set(this.weight, this);
  }

  /** `[..., inputs] -> [..., outputs]` */
  forward(x: Tensor): Tensor {
    const y = this.#form ? this.#form.forward(x, this.bias) : linear(x, this.weight, this.bias);
    return this.adapter === null ? y : this.adapter.addTo(y, x);
  }

  /** How it computes; null: by its weight. */
  get form(): LinearForm | null {
    return this.#form;
  }

  /** Takes the form, which it owns from now on, in the place of its present one; null: by its weight again. */
  set form(form: LinearForm | null) {
    if (form !== this.#form) this.#form?.dispose();
    this.#form = form;
  }

  /**
   * Makes sure that the weight itself is what computes, as whatever changes it or needs its gradient supposes.
   *
   * @param what is done to it, as in "An adapter cannot be merged into"
   * @throws RocError USAGE
   */
  requirePlain(what: string): void {
    if (this.#form === null) return;
    const remedy =
      "Load the checkpoint with plain weights (of a quantised one, take the checkpoint that it was made of).";
    throw new RocError("USAGE", `${what} a linear map whose weights are ${this.#form.name}. ${remedy}`);
  }
}

/** The linear layer whose weight is this parameter; undefined where there is none. */
export function linearOf(weight: Tensor): Linear | undefined {
  return owners.get(weight);
}

/** Frees a model's parameters and the forms of its linear maps. */
export function disposeParameters(parameters: Iterable<Tensor>): void {
  for (const tensor of parameters) {
    const map = owners.get(tensor);
    if (map) map.form = null;
    tensor.dispose();
  }
}
