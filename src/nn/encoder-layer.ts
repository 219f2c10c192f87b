/** The pre-norm transformer block of the vision towers (CLIP's, Qwen's, mPLUG-Owl2's), with the parameter names of each. */
import { ACTIVATIONS, type ActivationName } from "./activations.js";
import { attention, SEES_ALL, spanAttention, type RowSpan } from "./attention.js";
import { Linear } from "./linear.js";
import { LayerNorm, RmsNorm } from "./norm.js";
import { fanIn, type Init, type Params } from "./params.js";
import { segment } from "./recompute.js";
import { applyRope, type Rope } from "./rope.js";
import type { Tensor } from "../torch/index.js";

export interface EncoderLayerConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly heads: number;
  /** Number of layers of the tower: output projections are initialised smaller in a deeper one. */
  readonly layers: number;
  readonly activation: ActivationName;
  readonly normEps: number;
  /** RMSNorm in the place of LayerNorm. */
  readonly rms?: boolean;
}

/** Parameter names of a block's parts, relative to the block. */
export interface EncoderLayerNames {
  readonly norm1: string;
  readonly norm2: string;
  /**
   * Three linear layers, or one whose output holds q, k and v in sequence ("fused": `[3, heads, headDim]`) or head by head
   * ("fusedByHead": `[heads, 3, headDim]`, Megatron's order).
   */
  readonly qkv:
    readonly [q: string, k: string, v: string] | { readonly fused: string } | { readonly fusedByHead: string };
  readonly out: string;
  readonly fc1: string;
  readonly fc2: string;
  /** Of a map whose activation gates what `fc1` gives (SwiGLU); absent: that of `fc1` goes through the activation. */
  readonly gate?: string;
}

/** Rotates q, k or both `[images, rows, heads, headDim]`. */
type Rotate = (y: Tensor) => Tensor;

/** `[images, rows, ...]` to q, k and v, each `[images, heads, rows, headDim]`, q and k rotated. */
type Split = (x: Tensor, rotate: Rotate) => readonly [q: Tensor, k: Tensor, v: Tensor];

export class EncoderLayer {
  readonly #norm1: LayerNorm | RmsNorm;
  readonly #split: Split;
  readonly #out: Linear;
  readonly #norm2: LayerNorm | RmsNorm;
  readonly #gate: Linear | undefined;
  readonly #fc1: Linear;
  readonly #fc2: Linear;

  constructor(
    params: Params,
    names: EncoderLayerNames,
    private readonly config: EncoderLayerConfig,
  ) {
    const { hiddenSize: size, intermediateSize, normEps, layers } = config;
    // Projections into the residual stream are initialised smaller, so that its scale does not grow with depth.
    const residual = (inputs: number): Init => ({ std: fanIn(inputs * 2 * layers).std });
    const Norm = config.rms ? RmsNorm : LayerNorm;
    this.#norm1 = new Norm(params.at(names.norm1), size, normEps);
    this.#split = projections(params, names.qkv, config);
    this.#out = new Linear(params.at(names.out), size, size, { bias: true, init: residual(size) });
    this.#norm2 = new Norm(params.at(names.norm2), size, normEps);
    this.#gate =
      names.gate === undefined ? undefined : new Linear(params.at(names.gate), size, intermediateSize, { bias: true });
    this.#fc1 = new Linear(params.at(names.fc1), size, intermediateSize, { bias: true });
    this.#fc2 = new Linear(params.at(names.fc2), intermediateSize, size, {
      bias: true,
      init: residual(intermediateSize),
    });
  }

  /**
   * @param x `[images, rows, hiddenSize]`, the shape of the result too
   * @param rope may be of a wider dtype than `x`: q and k are rotated in it and cast back
   * @param spans which rows attend to one another, where images of different sizes are packed into one row of `x`, or
   *   are seen in windows; default: all of an image
   */
  forward(x: Tensor, rope?: Rope, spans?: readonly RowSpan[]): Tensor {
    return segment(x, (input) => this.#compute(input, rope, spans));
  }

  #compute(x: Tensor, rope: Rope | undefined, spans: readonly RowSpan[] | undefined): Tensor {
    const rotate: Rotate = (y) => (rope ? applyRope(y, rope).to(y.dtype) : y);
    const [q, k, v] = this.#split(this.#norm1.forward(x), rotate);
    const seen = spans ? spanAttention(q, k, v, spans) : attention(q, k, v, SEES_ALL, false);
    const attended = x.add(this.#out.forward(seen));
    return attended.add(this.#fc2.forward(this.#inner(this.#norm2.forward(attended))));
  }

  #inner(x: Tensor): Tensor {
    const activate = ACTIVATIONS[this.config.activation];
    return this.#gate ? activate(this.#gate.forward(x)).mul(this.#fc1.forward(x)) : activate(this.#fc1.forward(x));
  }
}

function projections(
  params: Params,
  names: EncoderLayerNames["qkv"],
  { hiddenSize: size, heads }: EncoderLayerConfig,
): Split {
  const headDim = size / heads;
  const of = (name: string, outputs: number): Linear => new Linear(params.at(name), size, outputs, { bias: true });
  const byHead = (x: Tensor): Tensor => x.transpose(1, 2);
  if ("length" in names) {
    const [q, k, v] = names.map((name) => of(name, size)) as [Linear, Linear, Linear];
    return (x, rotate) => {
      const [images = 0, rows = 0] = x.shape;
      const split = (map: Linear): Tensor => map.forward(x).view(images, rows, heads, headDim);
      return [byHead(rotate(split(q))), byHead(rotate(split(k))), byHead(split(v))];
    };
  }
  if ("fusedByHead" in names) {
    const map = of(names.fusedByHead, 3 * size);
    return (x, rotate) => {
      const [images = 0, rows = 0] = x.shape;
      const split = map.forward(x).view(images, rows, heads, 3, headDim);
      const part = (index: number): Tensor => split.select(3, index);
      return [byHead(rotate(part(0))), byHead(rotate(part(1))), byHead(part(2))];
    };
  }
  const map = of(names.fused, 3 * size);
  return (x, rotate) => {
    const [images = 0, rows = 0] = x.shape;
    const split = map.forward(x).view(images, rows, 3 * heads, headDim);
    const part = (of: Tensor, index: number): Tensor => byHead(of.narrow(2, index * heads, heads));
    // As one tensor of twice as many heads.
    const qk = rotate(split.narrow(2, 0, 2 * heads));
    return [part(qk, 0), part(qk, 1), part(split, 2)];
  };
}
