/**
 * The vision transformer of Qwen3-VL and Qwen3.5 (arXiv 2511.21631; transformers' Qwen3VLVisionModel): patches of pictures
 * of any size, with places both added, from a learned table, and turned into q and k; a merger of each 2 x 2 patches to one
 * row; and, in Qwen3-VL, further mergers of what earlier blocks give (DeepStack, arXiv 2406.04334).
 */
import { ACTIVATIONS, EncoderLayer, fanIn, LayerNorm, Linear, segment } from "../../../nn/index.js";
import type { EncoderLayerConfig, EncoderLayerNames, Params } from "../../../nn/index.js";
import { aten, cat, type Tensor } from "../../../torch/index.js";
import type { PatchSizes } from "./config.js";
import type { Grid } from "./positions.js";
import { PlaceTable } from "./place-table.js";
import { checkGrids, frameSpans, PatchRope, patchPlaces } from "./vision.js";

const linear = aten("linear");

export interface Qwen3VisionConfig extends EncoderLayerConfig, PatchSizes {
  readonly channels: number;
  readonly ropeTheta: number;
  /** Size of the language model's rows. */
  readonly outputSize: number;
  /** Rows of the table of places, which is a square: rows beyond the largest square are not looked at. */
  readonly places: number;
  /** The blocks whose outputs get a merger of their own, one each; none in Qwen3.5. */
  readonly deepstack: readonly number[];
}

/** What a block's parts are called. */
const BLOCK: EncoderLayerNames = {
  norm1: "norm1",
  norm2: "norm2",
  qkv: { fused: "attn.qkv" },
  out: "attn.proj",
  fc1: "mlp.linear_fc1",
  fc2: "mlp.linear_fc2",
};

/** LayerNorm, and two linear maps of the patches of a block side by side with the exact GELU between. */
class Merger {
  readonly #norm: LayerNorm;
  readonly #first: Linear;
  readonly #second: Linear;
  readonly #inputs: number;
  readonly #normed: number;

  /** @param normed elements that are normalised together: those of a patch, or of all patches of a block */
  constructor(
    params: Params,
    { hiddenSize, merge, normEps, outputSize }: Qwen3VisionConfig,
    normed: "patch" | "block",
  ) {
    this.#inputs = hiddenSize * merge ** 2;
    this.#normed = normed === "patch" ? hiddenSize : this.#inputs;
    this.#norm = new LayerNorm(params.at("norm"), this.#normed, normEps);
    this.#first = new Linear(params.at("linear_fc1"), this.#inputs, this.#inputs, { bias: true });
    this.#second = new Linear(params.at("linear_fc2"), this.#inputs, outputSize, { bias: true });
  }

  forward(patches: Tensor): Tensor {
    const blocks = this.#norm.forward(patches.view(-1, this.#normed)).view(-1, this.#inputs);
    return this.#second.forward(ACTIVATIONS.gelu(this.#first.forward(blocks)));
  }
}

export class Qwen3Vision {
  readonly #patchWeight: Tensor;
  readonly #patchBias: Tensor;
  readonly #places: PlaceTable;
  readonly #layers: readonly EncoderLayer[];
  readonly #merger: Merger;
  readonly #deepstack: readonly Merger[];
  readonly #rope: PatchRope;

  constructor(
    params: Params,
    private readonly config: Qwen3VisionConfig,
  ) {
    const { hiddenSize, channels, frames, patchSize, layers, heads, ropeTheta, places, deepstack } = config;
    const patch = params.at("patch_embed", "proj");
    const shape = [hiddenSize, channels, frames, patchSize, patchSize];
    this.#patchWeight = patch.get("weight", shape, fanIn(this.#patchValues));
    this.#patchBias = patch.get("bias", [hiddenSize], "zeros");
    this.#places = new PlaceTable(params.at("pos_embed"), places, hiddenSize);
    this.#layers = Array.from({ length: layers }, (_, i) => new EncoderLayer(params.at("blocks", i), BLOCK, config));
    this.#merger = new Merger(params.at("merger"), config, "patch");
    this.#deepstack = deepstack.map((_, i) => new Merger(params.at("deepstack_merger_list", i), config, "block"));
    this.#rope = new PatchRope(hiddenSize / heads, ropeTheta);
  }

  get #patchValues(): number {
    const { channels, frames, patchSize } = this.config;
    return channels * frames * patchSize ** 2;
  }

  /**
   * @param patches `[patches, channels * frames * patchSize²]` of all pictures, block by block
   * @param grids of each picture or video
   * @returns `[rows, outputSize * (1 + deepstack)]`: the pictures' rows in order, each followed by those of its deepstack
   *   mergers in the order of the blocks
   * @throws RocError USAGE where patches and grids do not go together
   */
  forward(patches: Tensor, grids: readonly Grid[]): Tensor {
    const { merge, hiddenSize, deepstack } = this.config;
    checkGrids(patches.shape, grids, this.#patchValues, merge);
    const places = patchPlaces(grids, merge);
    const embedded = linear(patches, this.#patchWeight.flatten(1), this.#patchBias);
    const placed = embedded.add(this.#places.of(places, grids, patches.device).to(embedded.dtype));
    const spans = frameSpans(grids);
    // Frames of one size are a batch; those of several are packed into one row.
    const frames = spans.length === 1 ? (spans[0]?.count ?? 1) : 1;
    const rope = this.#rope.table(places, frames, patches.device);
    const rows: Tensor[] = [];
    let hidden = placed.view(frames, -1, hiddenSize);
    for (const [i, layer] of this.#layers.entries()) {
      hidden = layer.forward(hidden, rope, spans.length === 1 ? undefined : spans);
      const merger = this.#deepstack[deepstack.indexOf(i)];
      if (merger) rows.push(merger.forward(hidden.flatten(0, 1)));
    }
    const merged = this.#merger.forward(hidden.flatten(0, 1));
    if (rows.length === 0) return merged;
    // The layers that they are added to send gradients one after the other: those meet here before they go back.
    return segment(cat([merged, ...rows], 1), (x) => x.view(...x.shape));
  }
}
