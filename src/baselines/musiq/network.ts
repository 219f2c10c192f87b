/**
 * MUSIQ (arXiv 2108.05997): patches of several scales through a small residual stem, then a transformer whose first token is
 * looked at. Parameters have pyiqa's names.
 *
 * The tokens of all pictures of a batch lie in one row, and each picture attends to its own: no padding, so that a picture's
 * answer is that which it has alone.
 */
import { EncoderLayer, LayerNorm, Linear, maxPoolSame, padSame, type Params, type RowSpan } from "../../nn/index.js";
import { aten, cat, scope, type Tensor } from "../../torch/index.js";
import { stemGroups, stemSide, type MusiqConfig } from "./config.js";
import type { Form } from "./facts.js";

const conv2d = aten("conv2d");
const standardDeviation = aten("std.correction");
const groupNorm = aten("group_norm");
const embedding = aten("embedding");

/** Patches that go through the stem at a time: on a CPU what is between its layers stays in the caches. */
const PATCHES_AT_ONCE = { cpu: 32, other: 4096 };

const BLOCK_EPS = 1e-4;
const EPS = 1e-6;

export class MusiqNetwork {
  readonly #stem: Stem;
  readonly #embedding: Linear;
  readonly #positions: Tensor;
  readonly #scales: Tensor;
  readonly #first: Tensor;
  readonly #layers: readonly EncoderLayer[];
  readonly #norm: LayerNorm;
  readonly #head: Linear;

  constructor(
    params: Params,
    private readonly config: MusiqConfig,
  ) {
    const { hiddenSize, stemWidth, gridSize, longerSides, bins } = config;
    this.#stem = new Stem(params, config);
    const side = stemSide(config);
    this.#embedding = new Linear(params.at("embedding"), 4 * stemWidth * side * side, hiddenSize, { bias: true });
    const encoder = params.at("transformer_encoder");
    const small = { std: 0.02 };
    const positions = [1, gridSize * gridSize, hiddenSize];
    this.#positions = encoder.at("posembed_input").get("position_emb", positions, small);
    this.#scales = encoder.at("scaleembed_input").get("scale_emb", [longerSides.length + 1, hiddenSize], small);
    this.#first = encoder.get("cls", [1, 1, hiddenSize], "zeros");
    this.#layers = encoderLayers(encoder.at("transformer"), config);
    this.#norm = new LayerNorm(encoder.at("encoder_norm"), hiddenSize, EPS);
    const head = params.at(headName(bins));
    this.#head = new Linear(head, hiddenSize, bins ?? 1, { bias: true, precise: true, init: "zeros" });
  }

  /**
   * @param patches `[P, 3, side, side]` of all pictures
   * @param positions `[P]` int64, as `scales`
   * @param lengths patches of each of B pictures
   * @returns `values` `[B, bins or 1]` before a softmax; `features` `[B, hiddenSize]`
   */
  forward(patches: Tensor, positions: Tensor, scales: Tensor, lengths: readonly number[]) {
    const tokens = this.#tokens(patches)
      .add(embedding(this.#positions.squeeze(0), positions))
      .add(embedding(this.#scales, scales));
    const { hiddenSize } = this.config;
    const first = this.#first.view(1, hiddenSize);
    const starts = startsOf(lengths);
    const row = cat(lengths.flatMap((length, i) => [first, tokens.narrow(0, starts[i] ?? 0, length)]));
    const spans = spansOf(lengths.map((length) => length + 1));
    const seen = this.#layers.reduce((x, layer) => layer.forward(x, undefined, spans), row.unsqueeze(0));
    // Of each picture the token in front of its patches.
    const firsts = starts.map((start, i) => seen.narrow(1, start + i, 1).squeeze(0));
    const features = this.#norm.forward(cat(firsts));
    return { values: this.#head.forward(features), features };
  }

  /** `[P, 3, side, side] -> [P, hiddenSize]` */
  #tokens(patches: Tensor): Tensor {
    const stem = this.#stem.prepared();
    const all = patches.size(0);
    const atOnce = patches.device === "cpu" ? PATCHES_AT_ONCE.cpu : PATCHES_AT_ONCE.other;
    const parts: Tensor[] = [];
    for (let start = 0; start < all; start += atOnce) {
      const part = patches.narrow(0, start, Math.min(atOnce, all - start));
      parts.push(scope(() => this.#embedding.forward(stem(part))));
    }
    return cat(parts);
  }
}

/** The head's name in pyiqa's files: a distribution's is followed by a softmax in a `Sequential`. */
export function headName(bins: number | undefined): string {
  return bins === undefined ? "head" : "head.0";
}

function encoderLayers(params: Params, config: MusiqConfig): EncoderLayer[] {
  const { hiddenSize, mlpDim: intermediateSize, heads, layers, form } = config;
  const names = {
    ...{ norm1: "norm1", norm2: "norm2", fc1: "mlp.fc1", fc2: "mlp.fc2", out: "attention.out" },
    qkv: ["attention.query", "attention.key", "attention.value"],
  } as const;
  // JAX's gelu is the approximation by default.
  const activation = form === "original" ? "gelu_pytorch_tanh" : "gelu";
  const shape = { hiddenSize, intermediateSize, heads, layers, activation, normEps: EPS } as const;
  return Array.from({ length: layers }, (_, i) => new EncoderLayer(params.at(`encoderblock_${i}`), names, shape));
}

/** Where each part begins of parts of these lengths. */
function startsOf(lengths: readonly number[]): number[] {
  let start = 0;
  return lengths.map((length) => (start += length) - length);
}

/** Pictures of equal length, one behind the other, are attended to together. */
function spansOf(lengths: readonly number[]): RowSpan[] {
  const spans: RowSpan[] = [];
  for (const rows of lengths) {
    const last = spans.at(-1);
    if (last?.rows === rows) spans[spans.length - 1] = { rows, count: last.count + 1 };
    else spans.push({ rows, count: 1 });
  }
  return spans;
}

/** A convolution whose kernels are standardised: mean 0 and deviation 1 of each output's. */
class StdConv {
  readonly #weight: Tensor;

  constructor(
    params: Params,
    inputs: number,
    outputs: number,
    private readonly kernel: number,
    private readonly stride: number,
    private readonly form: Form,
  ) {
    // lecun_normal, flax' default.
    this.#weight = params.get("weight", [outputs, inputs, kernel, kernel], {
      std: (inputs * kernel * kernel) ** -0.5,
    });
  }

  /** The convolution with its kernels as they are now. */
  prepared(): (x: Tensor) => Tensor {
    const centered = this.#weight.sub(this.#weight.mean([1, 2, 3], true));
    // jnp.std is the population's, torch.std the sample's; what is added is added behind the root.
    const correction = this.form === "original" ? 0 : 1;
    const deviation = standardDeviation(centered, [1, 2, 3], { correction, keepdim: true });
    const weight = centered.div(deviation.add(1e-5));
    const { kernel, stride } = this;
    const steps = [stride, stride];
    if (kernel === 1) return (x) => conv2d(x, weight, null, steps);
    if (stride === 1) return (x) => conv2d(x, weight, null, steps, [(kernel - 1) / 2, (kernel - 1) / 2]);
    return (x) => conv2d(padSame(x, [kernel, kernel], stride), weight, null, steps);
  }
}

class GroupNorm {
  readonly #weight: Tensor;
  readonly #bias: Tensor;

  constructor(
    params: Params,
    channels: number,
    private readonly groups: number,
    private readonly eps: number,
    init: "ones" | "zeros" = "ones",
  ) {
    this.#weight = params.get("weight", [channels], init);
    this.#bias = params.get("bias", [channels], "zeros");
  }

  forward(x: Tensor): Tensor {
    return groupNorm(x, this.groups, this.#weight, this.#bias, this.eps);
  }
}

/** A convolution with its norm. */
class StdConvNorm {
  readonly #conv: StdConv;
  readonly #norm: GroupNorm;

  constructor(
    params: Params,
    names: readonly [conv: string, norm: string],
    shape: { inputs: number; outputs: number; kernel: number; stride?: number; eps?: number; init?: "zeros" },
    config: MusiqConfig,
  ) {
    const { inputs, outputs, kernel, stride = 1, eps = BLOCK_EPS, init = "ones" } = shape;
    this.#conv = new StdConv(params.at(names[0]), inputs, outputs, kernel, stride, config.form);
    this.#norm = new GroupNorm(params.at(names[1]), outputs, stemGroups(config), eps, init);
  }

  prepared(): (x: Tensor) => Tensor {
    const conv = this.#conv.prepared();
    return (x) => this.#norm.forward(conv(x));
  }
}

/** 7×7 with stride 2, pooling and a bottleneck: a quarter of a patch's side, four times the channels. */
class Stem {
  readonly #root: StdConvNorm;
  readonly #body: readonly [StdConvNorm, StdConvNorm, StdConvNorm];
  readonly #shortcut: StdConvNorm;

  constructor(params: Params, config: MusiqConfig) {
    const width = config.stemWidth;
    const root = { inputs: 3, outputs: width, kernel: 7, stride: 2, eps: EPS };
    this.#root = new StdConvNorm(params, ["conv_root", "gn_root"], root, config);
    const block = params.at("block1");
    const wide = { inputs: width, outputs: 4 * width, kernel: 1 };
    this.#body = [
      new StdConvNorm(block, ["conv1", "gn1"], { inputs: width, outputs: width, kernel: 1 }, config),
      new StdConvNorm(block, ["conv2", "gn2"], { inputs: width, outputs: width, kernel: 3 }, config),
      // The block starts as its shortcut, as published.
      new StdConvNorm(block, ["conv3", "gn3"], { ...wide, init: "zeros" }, config),
    ];
    this.#shortcut = new StdConvNorm(block, ["conv_proj", "gn_proj"], wide, config);
  }

  /** `[P, 3, side, side]` to rows, `[P, (side / 4)² * 4 * width]`, pixel by pixel. */
  prepared(): (patches: Tensor) => Tensor {
    const root = this.#root.prepared();
    const [first, second, third] = this.#body.map((part) => part.prepared()) as [Layer, Layer, Layer];
    const shortcut = this.#shortcut.prepared();
    return (patches) => {
      const x = maxPoolSame(root(patches).relu());
      const inner = second(first(x).relu()).relu();
      return third(inner).add(shortcut(x)).relu().permute(0, 2, 3, 1).flatten(1);
    };
  }
}

type Layer = (x: Tensor) => Tensor;
