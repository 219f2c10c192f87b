/**
 * The vision transformers of Qwen2-VL (arXiv 2409.12191; transformers' Qwen2VisionTransformerPretrainedModel) and Qwen2.5-VL
 * (arXiv 2502.13923; Qwen2_5_VisionTransformerPretrainedModel): patches of pictures of any size, places turned into q and k
 * instead of added, and a merger of each 2 x 2 patches to one row.
 */
import { ACTIVATIONS, EncoderLayer, fanIn, LayerNorm, Linear, RmsNorm } from "../../../nn/index.js";
import type { EncoderLayerConfig, EncoderLayerNames, Params, RowSpan } from "../../../nn/index.js";
import { aten, fromTypedArray, type Tensor } from "../../../torch/index.js";
import type { PatchSizes } from "./config.js";
import type { Grid } from "./positions.js";
import { checkGrids, frameSpans, PatchRope, patchPlaces } from "./vision.js";
import { undone, windowsOf } from "./windows.js";

const linear = aten("linear");

export interface TowerConfig extends EncoderLayerConfig, PatchSizes {
  readonly channels: number;
  readonly ropeTheta: number;
  /** Size of the language model's rows. */
  readonly outputSize: number;
  /** Absent: every layer sees whole frames. */
  readonly windows?: Windows;
}

export interface Windows {
  /** Blocks a side. */
  readonly side: number;
  /** Layers that see whole frames all the same (`fullatt_block_indexes`). */
  readonly except: ReadonlySet<number>;
}

/** A norm of each patch, then two linear maps of the patches of a block side by side, with the exact GELU between. */
class Merger {
  readonly #norm: LayerNorm | RmsNorm;
  readonly #first: Linear;
  readonly #second: Linear;
  readonly #inputs: number;

  constructor(params: Params, { hiddenSize, merge, normEps, outputSize, rms }: TowerConfig) {
    this.#inputs = hiddenSize * merge ** 2;
    this.#norm = new (rms ? RmsNorm : LayerNorm)(params.at("ln_q"), hiddenSize, normEps);
    this.#first = new Linear(params.at("mlp", 0), this.#inputs, this.#inputs, { bias: true });
    this.#second = new Linear(params.at("mlp", 2), this.#inputs, outputSize, { bias: true });
  }

  forward(patches: Tensor): Tensor {
    const blocks = this.#norm.forward(patches).view(-1, this.#inputs);
    return this.#second.forward(ACTIVATIONS.gelu(this.#first.forward(blocks)));
  }
}

/** How patches are laid out for the layers. */
interface Layout {
  /** Frames side by side; those of several sizes are packed into one row. */
  readonly frames: number;
  /** Row and column of the patches of one of them, `[2, patches]`, in the layers' order. */
  readonly places: Int32Array;
  /** Blocks of one of them in the layers' order; absent: as they come. */
  readonly order?: Int32Array;
  /** What layers see that see whole frames; absent: all. */
  readonly whole?: readonly RowSpan[];
  /** What the other layers see; absent: all. */
  readonly windows?: readonly RowSpan[];
}

export class PatchTower {
  readonly #patchEmbedding: Tensor;
  readonly #layers: readonly EncoderLayer[];
  readonly #merger: Merger;
  readonly #rope: PatchRope;

  /** @param names what a block's parts are called */
  constructor(
    params: Params,
    private readonly config: TowerConfig,
    names: EncoderLayerNames,
  ) {
    const { hiddenSize, channels, frames, patchSize, layers, heads, ropeTheta } = config;
    const shape = [hiddenSize, channels, frames, patchSize, patchSize];
    this.#patchEmbedding = params.at("patch_embed", "proj").get("weight", shape, fanIn(this.#patchValues));
    this.#layers = Array.from({ length: layers }, (_, i) => new EncoderLayer(params.at("blocks", i), names, config));
    this.#merger = new Merger(params.at("merger"), config);
    this.#rope = new PatchRope(hiddenSize / heads, ropeTheta);
  }

  get #patchValues(): number {
    const { channels, frames, patchSize } = this.config;
    return channels * frames * patchSize ** 2;
  }

  /**
   * @param patches `[patches, channels * frames * patchSize²]` of all pictures, block by block
   * @param grids of each picture or video
   * @returns `[rows, outputSize]`: the pictures' rows in order
   * @throws RocError USAGE where patches and grids do not go together
   */
  forward(patches: Tensor, grids: readonly Grid[]): Tensor {
    const { merge, windows } = this.config;
    checkGrids(patches.shape, grids, this.#patchValues, merge);
    const layout = this.#layout(grids);
    const rope = this.#rope.table(layout.places, 1, patches.device);
    const rows = linear(patches, this.#patchEmbedding.flatten(1), null);
    let hidden = blockwise(rows.view(layout.frames, -1, rows.size(1)), layout.order, merge ** 2);
    for (const [i, layer] of this.#layers.entries()) {
      const spans = windows && !windows.except.has(i) ? layout.windows : layout.whole;
      hidden = layer.forward(hidden, rope, spans);
    }
    const merged = this.#merger.forward(hidden.flatten(0, 1));
    const back = layout.order && undone(layout.order);
    return blockwise(merged.view(layout.frames, -1, merged.size(1)), back, 1).flatten(0, 1);
  }

  #layout(grids: readonly Grid[]): Layout {
    const { merge, windows } = this.config;
    const spans = frameSpans(grids);
    const [first] = grids;
    const alike = spans.length === 1 && grids.every(([, height]) => height === first?.[1]);
    const seen = alike && first ? [[1, first[1], first[2]] as const] : grids;
    const frames = alike ? (spans[0]?.count ?? 1) : 1;
    const places = patchPlaces(seen, merge);
    const whole = alike ? undefined : spans;
    if (!windows) return { frames, places, ...(whole && { whole }) };
    const { order, spans: parts } = windowsOf(seen, merge, windows.side);
    const single = parts.length === 1 && parts[0]?.count === 1;
    return {
      ...{ frames, places: inOrder(places, order, merge ** 2), order },
      ...(whole && { whole }),
      ...(!single && { windows: parts }),
    };
  }
}

/** Blocks of `unit` rows of `[frames, rows, size]` in another order. */
function blockwise(x: Tensor, order: Int32Array | undefined, unit: number): Tensor {
  if (!order || order.every((block, at) => block === at)) return x;
  const index = fromTypedArray(order, [order.length], { device: x.device });
  const [frames = 0, rows = 0, size = 0] = x.shape;
  return x
    .view(frames, rows / unit, unit * size)
    .indexSelect(1, index)
    .view(frames, rows, size);
}

/** {@link blockwise} of `[2, rows]`. */
function inOrder(places: Int32Array, order: Int32Array, unit: number): Int32Array {
  const rows = places.length / 2;
  return places.map((_, i) => {
    const [axis, row] = [Math.floor(i / rows), i % rows];
    return places[axis * rows + (order[Math.floor(row / unit)] ?? 0) * unit + (row % unit)] ?? 0;
  });
}
