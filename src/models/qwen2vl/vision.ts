/**
 * Qwen2-VL's vision transformer (arXiv 2409.12191; transformers' Qwen2VisionTransformerPretrainedModel): patches of
 * pictures of any size, places turned into q and k instead of added, and a merger of each 2 x 2 patches to one row.
 */
import { ACTIVATIONS, EncoderLayer, fanIn, LayerNorm, Linear } from "../../nn/index.js";
import type { EncoderLayerNames, Params } from "../../nn/index.js";
import { aten, type Tensor } from "../../torch/index.js";
import type { Grid } from "../common/qwen/positions.js";
import { checkGrids, frameSpans, PatchRope, patchPlaces } from "../common/qwen/vision.js";
import type { VisionConfig } from "./config.js";

const linear = aten("linear");

/** What a block's parts are called. */
const BLOCK: EncoderLayerNames = {
  norm1: "norm1",
  norm2: "norm2",
  qkv: { fused: "attn.qkv" },
  out: "attn.proj",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
};

/** LayerNorm of each patch, then two linear maps of the patches of a block side by side, with the exact GELU between. */
class Merger {
  readonly #norm: LayerNorm;
  readonly #first: Linear;
  readonly #second: Linear;
  readonly #inputs: number;

  constructor(params: Params, { hiddenSize, merge, normEps, outputSize }: VisionConfig) {
    this.#inputs = hiddenSize * merge ** 2;
    this.#norm = new LayerNorm(params.at("ln_q"), hiddenSize, normEps);
    this.#first = new Linear(params.at("mlp", 0), this.#inputs, this.#inputs, { bias: true });
    this.#second = new Linear(params.at("mlp", 2), this.#inputs, outputSize, { bias: true });
  }

  forward(patches: Tensor): Tensor {
    const blocks = this.#norm.forward(patches).view(-1, this.#inputs);
    return this.#second.forward(ACTIVATIONS.gelu(this.#first.forward(blocks)));
  }
}

export class Qwen2Vision {
  readonly #patchEmbedding: Tensor;
  readonly #layers: readonly EncoderLayer[];
  readonly #merger: Merger;
  readonly #rope: PatchRope;

  constructor(
    params: Params,
    private readonly config: VisionConfig,
  ) {
    const { hiddenSize, channels, frames, patchSize, layers, heads, ropeTheta } = config;
    const shape = [hiddenSize, channels, frames, patchSize, patchSize];
    this.#patchEmbedding = params.at("patch_embed", "proj").get("weight", shape, fanIn(this.#patchValues));
    this.#layers = Array.from({ length: layers }, (_, i) => new EncoderLayer(params.at("blocks", i), BLOCK, config));
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
    checkGrids(patches.shape, grids, this.#patchValues, this.config.merge);
    const rows = linear(patches, this.#patchEmbedding.flatten(1), null);
    const spans = frameSpans(grids);
    // Frames of one size are a batch; those of several are packed into one row.
    const frames = spans.length === 1 ? (spans[0]?.count ?? 1) : 1;
    const rope = this.#rope.table(patchPlaces(grids, this.config.merge), frames, patches.device);
    let hidden = rows.view(frames, -1, this.config.hiddenSize);
    for (const layer of this.#layers) hidden = layer.forward(hidden, rope, spans.length === 1 ? undefined : spans);
    return this.#merger.forward(hidden.flatten(0, 1));
  }
}
