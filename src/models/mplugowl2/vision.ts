/** mPLUG-Owl2's vision transformer: CLIP's, with its own names, Megatron's order of q, k and v, and every layer used. */
import { EncoderLayer, fanIn, LayerNorm, patchRows, type EncoderLayerNames, type Params } from "../../nn/index.js";
import { aten, cat, type Tensor } from "../../torch/index.js";
import type { VisionConfig } from "./config.js";

const linear = aten("linear");

/** What a block's parts are called. */
const BLOCK: EncoderLayerNames = {
  norm1: "input_layernorm",
  norm2: "post_attention_layernorm",
  qkv: { fusedByHead: "self_attn.query_key_value" },
  out: "self_attn.dense",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
};

/** Of fresh position embeddings: about the size of an embedded patch. */
const PLACE_STD = 0.5;

export class OwlVision {
  readonly #classToken: Tensor;
  readonly #patchEmbedding: Tensor;
  readonly #positionEmbedding: Tensor;
  readonly #preNorm: LayerNorm;
  readonly #layers: readonly EncoderLayer[];
  readonly #postNorm: LayerNorm;

  constructor(
    params: Params,
    private readonly config: VisionConfig,
  ) {
    const { hiddenSize, channels, imageSize, patchSize, normEps, layers } = config;
    const embeddings = params.at("embeddings");
    const patches = Math.floor(imageSize / patchSize) ** 2;
    const shape = [hiddenSize, channels, patchSize, patchSize];
    this.#classToken = embeddings.get("cls_token", [1, 1, hiddenSize], { std: PLACE_STD });
    this.#patchEmbedding = embeddings.at("patch_embed").get("weight", shape, fanIn(channels * patchSize ** 2));
    this.#positionEmbedding = embeddings.get("position_embedding", [1, patches + 1, hiddenSize], { std: PLACE_STD });
    this.#preNorm = new LayerNorm(embeddings.at("pre_layernorm"), hiddenSize, normEps);
    const encoder = params.at("encoder");
    this.#layers = Array.from({ length: layers }, (_, i) => new EncoderLayer(encoder.at("layers", i), BLOCK, config));
    this.#postNorm = new LayerNorm(params.at("post_layernorm"), hiddenSize, normEps);
  }

  /**
   * @param pixels `[images, channels, imageSize, imageSize]`
   * @returns `[images, 1 + patches, hiddenSize]`, the class token's row first
   * @throws RocError USAGE where the pictures have another size
   */
  forward(pixels: Tensor): Tensor {
    const patches = linear(patchRows(pixels, this.config), this.#patchEmbedding.flatten(1), null);
    const first = this.#classToken.expand(patches.size(0), 1, this.config.hiddenSize).to(patches.dtype);
    let hidden = this.#preNorm.forward(cat([first, patches], 1).add(this.#positionEmbedding));
    for (const layer of this.#layers) hidden = layer.forward(hidden);
    return this.#postNorm.forward(hidden);
  }
}
