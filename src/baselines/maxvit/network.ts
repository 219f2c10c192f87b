/**
 * MaxViT (arXiv 2204.01697) in the form of the authors' TensorFlow weights, under timm's parameter names
 * (`maxvit_*_tf_*`): each block is a convolution, attention within windows, and attention over a grid of tokens from everywhere.
 */
import { attention, BatchNorm, Conv2d, LayerNorm, Linear, type Init, type Params } from "../../nn/index.js";
import { aten, fromTypedArray, scope, type Tensor } from "../../torch/index.js";
import type { MaxVitConfig } from "./config.js";

const avgPool = aten("avg_pool2d");
const dropout = aten("dropout");

/** TensorFlow's of batch norms: what it calls a momentum of 0.99 is 0.01 here. */
const BATCH_NORM = { eps: 1e-3, momentum: 0.01 };
const EPS = 1e-5;
/** Of the hidden channels of a convolution, and of a feed-forward's, over the block's. */
const EXPANSION = 4;
/** Of the channels that weigh the hidden ones, over the block's. */
const SQUEEZE = 0.25;

/** EfficientNet's: by the outputs of a kernel. */
function fanOut(outputs: number, kernel = 1, groups = 1): Init {
  return { std: Math.sqrt(2 / ((kernel * kernel * outputs) / groups)) };
}

/** A convolution of 1×1, whose picture may lie channels last. */
function pointwise(params: Params, inputs: number, outputs: number, bias: boolean): Conv2d {
  return new Conv2d(params, inputs, outputs, { kernel: 1, bias, init: fanOut(outputs) });
}

export class MaxVitNetwork {
  readonly #conv1: Conv2d;
  readonly #norm1: BatchNorm;
  readonly #conv2: Conv2d;
  readonly #blocks: readonly Block[];
  readonly #norm: LayerNorm;
  readonly #fc: Linear;
  readonly #head: Linear;
  /** Where each of a window's pairs of tokens has its bias in the tables, `[window⁴]`: as numbers, since no training takes a tensor that inference has made. */
  readonly #pairs: BigInt64Array;

  constructor(
    params: Params,
    private readonly config: MaxVitConfig,
  ) {
    const { dims, depths, stemWidth: stem, bins } = config;
    const at = params.at("stem");
    const init = fanOut(stem, 3);
    this.#conv1 = new Conv2d(at.at("conv1"), 3, stem, { kernel: 3, stride: 2, padding: "same", bias: true, init });
    this.#norm1 = new BatchNorm(at.at("norm1"), stem, BATCH_NORM);
    this.#conv2 = new Conv2d(at.at("conv2"), stem, stem, { kernel: 3, padding: 1, bias: true, init });
    this.#blocks = dims.flatMap((channels, stage) =>
      Array.from({ length: depths[stage] ?? 0 }, (_, i) => {
        const inputs = i > 0 ? channels : stage > 0 ? (dims[stage - 1] ?? 0) : stem;
        return new Block(params.at("stages", stage, "blocks", i), inputs, channels, i === 0 ? 2 : 1, config);
      }),
    );
    this.#pairs = windowPairs(this.config.window);
    const last = dims.at(-1) ?? 0;
    const head = params.at("head");
    this.#norm = new LayerNorm(head.at("norm"), last, EPS);
    this.#fc = new Linear(head.at("pre_logits", "fc"), last, last, { bias: true, precise: true });
    this.#head = new Linear(head.at("fc"), last, bins ?? 1, { bias: true, precise: true });
  }

  /**
   * @param pixels `[B, 3, imageSize, imageSize]`
   * @returns `values` `[B, bins or 1]` before a softmax; `features` `[B, last stage's channels]`
   */
  forward(pixels: Tensor, training: boolean): { readonly values: Tensor; readonly features: Tensor } {
    const stem = this.#norm1.forward(this.#conv1.forward(pixels), training).gelu("tanh");
    let x = this.#conv2.forward(stem);
    const pairs = fromTypedArray(this.#pairs, [this.#pairs.length], { device: pixels.device });
    // What is between the layers of a block is freed with it, as far as no gradient needs it.
    for (const block of this.#blocks) x = scope(() => block.forward(x, pairs, training));
    const features = this.#fc.forward(this.#norm.forward(x.mean([2, 3]))).tanh();
    const { dropout: share } = this.config;
    return { values: this.#head.forward(training ? dropout(features, share, true) : features), features };
  }
}

/** By query and key, row by row of a window: where their distance is in a table of `[2 * window - 1]²`. */
function windowPairs(window: number): BigInt64Array {
  const [area, side] = [window * window, 2 * window - 1];
  const index = new BigInt64Array(area * area);
  for (let query = 0; query < area; query++) {
    for (let key = 0; key < area; key++) {
      const rows = Math.floor(key / window) - Math.floor(query / window) + window - 1;
      const columns = (key % window) - (query % window) + window - 1;
      index[query * area + key] = BigInt(rows * side + columns);
    }
  }
  return index;
}

class Block {
  readonly #conv: MbConv;
  readonly #windows: PartitionAttention;
  readonly #grid: PartitionAttention;

  constructor(params: Params, inputs: number, outputs: number, stride: 1 | 2, config: MaxVitConfig) {
    this.#conv = new MbConv(params.at("conv"), inputs, outputs, stride);
    this.#windows = new PartitionAttention(params.at("attn_block"), outputs, config, windowsOf);
    this.#grid = new PartitionAttention(params.at("attn_grid"), outputs, config, gridOf);
  }

  /** `[B, inputs, H, W] -> [B, outputs, H / stride, W / stride]` */
  forward(x: Tensor, pairs: Tensor, training: boolean): Tensor {
    const rows = this.#conv.forward(x, training).permute(0, 2, 3, 1);
    return this.#grid.forward(this.#windows.forward(rows, pairs), pairs).permute(0, 3, 1, 2);
  }
}

/** A convolution of each channel between two that mix them, with squeeze and excitation. */
class MbConv {
  readonly #expand: Conv2d | undefined;
  readonly #preNorm: BatchNorm;
  readonly #conv1: Conv2d;
  readonly #norm1: BatchNorm;
  readonly #conv2: Conv2d;
  readonly #norm2: BatchNorm;
  readonly #squeeze: Conv2d;
  readonly #excite: Conv2d;
  readonly #conv3: Conv2d;

  constructor(
    params: Params,
    inputs: number,
    outputs: number,
    private readonly stride: 1 | 2,
  ) {
    const hidden = EXPANSION * outputs;
    if (inputs !== outputs) this.#expand = pointwise(params.at("shortcut", "expand"), inputs, outputs, true);
    this.#preNorm = new BatchNorm(params.at("pre_norm"), inputs, BATCH_NORM);
    this.#conv1 = pointwise(params.at("conv1_1x1"), inputs, hidden, false);
    this.#norm1 = new BatchNorm(params.at("norm1"), hidden, BATCH_NORM);
    const init = fanOut(hidden, 3, hidden);
    const padding = stride === 1 ? 1 : "same";
    this.#conv2 = new Conv2d(params.at("conv2_kxk"), hidden, hidden, {
      kernel: 3,
      stride,
      padding,
      groups: hidden,
      init,
    });
    this.#norm2 = new BatchNorm(params.at("norm2"), hidden, BATCH_NORM);
    const squeezed = Math.floor(SQUEEZE * outputs);
    this.#squeeze = pointwise(params.at("se", "fc1"), hidden, squeezed, true);
    this.#excite = pointwise(params.at("se", "fc2"), squeezed, hidden, true);
    this.#conv3 = pointwise(params.at("conv3_1x1"), hidden, outputs, true);
  }

  forward(x: Tensor, training: boolean): Tensor {
    const pooled = this.stride === 2 ? avgPool(x, [2, 2], [2, 2]) : x;
    const shortcut = this.#expand?.forward(pooled) ?? pooled;
    const inner = this.#conv1.forward(this.#preNorm.forward(x, training));
    const active = this.#norm1.forward(inner, training).gelu("tanh");
    const seen = this.#norm2.forward(this.#conv2.forward(active), training).gelu("tanh");
    const weights = this.#excite.forward(this.#squeeze.forward(seen.mean([2, 3], true)).silu()).sigmoid();
    return this.#conv3.forward(seen.mul(weights)).add(shortcut);
  }
}

/** How a picture of tokens is cut into groups of `window²`: as six dimensions and in which order they are read. */
interface Partition {
  readonly split: readonly [rows: number, rowsIn: number, columns: number, columnsIn: number];
  readonly order: readonly number[];
  /** Back to the order of the picture. */
  readonly back: readonly number[];
}

type Cut = (side: number, window: number) => Partition;

/** Neighbours together. */
const windowsOf: Cut = (side, window) => ({
  split: [side / window, window, side / window, window],
  order: [0, 1, 3, 2, 4, 5],
  back: [0, 1, 3, 2, 4, 5],
});

/** Tokens together that lie as far apart as the grid is wide. */
const gridOf: Cut = (side, window) => ({
  split: [window, side / window, window, side / window],
  order: [0, 2, 4, 1, 3, 5],
  back: [0, 3, 1, 4, 2, 5],
});

/** Attention within groups of tokens, with a bias by their distance, and a feed-forward. */
class PartitionAttention {
  readonly #norm1: LayerNorm;
  readonly #qkv: Linear;
  /** `[heads, 2 * window - 1, 2 * window - 1]` */
  readonly #table: Tensor;
  readonly #out: Linear;
  readonly #norm2: LayerNorm;
  readonly #fc1: Linear;
  readonly #fc2: Linear;
  readonly #heads: number;

  constructor(
    params: Params,
    channels: number,
    private readonly config: MaxVitConfig,
    private readonly cut: Cut,
  ) {
    const { headDim, window } = config;
    const bias = { bias: true } as const;
    const attn = params.at("attn");
    this.#heads = channels / headDim;
    this.#norm1 = new LayerNorm(params.at("norm1"), channels, EPS);
    this.#qkv = new Linear(attn.at("qkv"), channels, 3 * channels, bias);
    const table = [this.#heads, 2 * window - 1, 2 * window - 1];
    this.#table = attn.at("rel_pos").get("relative_position_bias_table", table, { std: 0.02 });
    this.#out = new Linear(attn.at("proj"), channels, channels, bias);
    this.#norm2 = new LayerNorm(params.at("norm2"), channels, EPS);
    this.#fc1 = new Linear(params.at("mlp", "fc1"), channels, EXPANSION * channels, bias);
    this.#fc2 = new Linear(params.at("mlp", "fc2"), EXPANSION * channels, channels, bias);
  }

  /** `[B, H, W, channels]`, the shape of the result too */
  forward(x: Tensor, pairs: Tensor): Tensor {
    const attended = x.add(this.#attend(this.#norm1.forward(x), pairs));
    return attended.add(this.#fc2.forward(this.#fc1.forward(this.#norm2.forward(attended)).gelu("tanh")));
  }

  #attend(x: Tensor, pairs: Tensor): Tensor {
    const [batch = 0, side = 0, , channels = 0] = x.shape;
    const { window, headDim } = this.config;
    const area = window * window;
    const { split, order, back } = this.cut(side, window);
    const groups = x
      .reshape(batch, ...split, channels)
      .permute(...order)
      .reshape(-1, area, channels);
    const qkv = this.#qkv.forward(groups).view(-1, area, 3, this.#heads, headDim);
    const [q, k, v] = [0, 1, 2].map((part) => qkv.select(2, part).transpose(1, 2)) as [Tensor, Tensor, Tensor];
    const mask = this.#table.flatten(1).indexSelect(1, pairs).view(1, this.#heads, area, area);
    const seen = this.#out.forward(attention(q, k, v, { mask, causal: false }, false));
    const sizes = order.map((dim) => [batch, ...split, channels][dim] ?? 0);
    return seen
      .view(...sizes)
      .permute(...back)
      .reshape(batch, side, side, channels);
  }
}
