/** The linear map `x Wᵀ + b`. */
import { RocError } from "../errors.js";
import { fitsInt8 } from "../torch/int8.js";
import { aten, keep, noGrad, scope, type Tensor } from "../torch/index.js";
import { Int8Form, quantizeWeight } from "./int8.js";
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

const WEIGHT = "weight";
/** Factors of the rows of a weight in int8. */
const SCALES = "weight_scale";

export class Linear {
  /** `[outputs, inputs]` */
  weight: Tensor;
  /** `[outputs]` or null */
  readonly bias: Tensor | null;
  /** Adds its output to that of this layer; see lora.ts. */
  adapter: LoraAdapter | null = null;
  #form: LinearForm | null = null;
  readonly #isPrecise: boolean;

  /**
   * @param options `init` of the weight (default: {@link fanIn}); `biasInit` of the bias (default: 0); `precise`: it is never in
   *   8 bits (default false)
   */
  constructor(
    private readonly params: Params,
    inputs: number,
    outputs: number,
    options: { bias: boolean; init?: Init; biasInit?: Init; precise?: boolean },
  ) {
    this.#isPrecise = options.precise ?? false;
    const use = this.#isPrecise ? undefined : "linear";
    this.weight = params.get(WEIGHT, [outputs, inputs], options.init ?? fanIn(inputs), use);
    this.bias = options.bias ? params.get("bias", [outputs], options.biasInit ?? "zeros") : null;
    owners.set(this.weight, this);
    if (this.weight.dtype !== "int8") return;
    this.#form = new Int8Form(this.weight, params.get(SCALES, [outputs], "ones", "scales"));
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
   * Rounds the weight to int8 for good, and frees it; a precise map, and one whose shape does not go in 8 bits, stays as it is.
   *
   * @param weight what to round in its place: it with an adapter's update
   * @returns whether it is in int8 now
   */
  quantize(weight = this.weight): boolean {
    if (this.#form !== null || this.#isPrecise || !fitsInt8(weight.shape)) return false;
    const [bytes, scales] = noGrad(() => scope(() => quantizeWeight(weight)).map(keep)) as [Tensor, Tensor];
    this.params.put(WEIGHT, bytes);
    this.params.put(SCALES, scales);
    this.weight.dispose();
    this.weight = bytes;
    owners.set(bytes, this);
    this.#form = new Int8Form(bytes, scales);
    return true;
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
      "Load the checkpoint with plain weights (unpacked; of a quantised one, take the checkpoint that it was made of).";
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
