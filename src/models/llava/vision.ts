/** CLIP's vision transformer (arXiv 2103.00020; transformers' CLIPVisionModel) up to the layer that LLaVA looks at. */
import { EncoderLayer, fanIn, LayerNorm, patchRows, type EncoderLayerNames, type Params } from "../../nn/index.js";
import { aten, cat, type Tensor } from "../../torch/index.js";
import type { VisionConfig } from "./config.js";

const linear = aten("linear");

/** What a block's parts are called. */
const BLOCK: EncoderLayerNames = {
  norm1: "layer_norm1",
  norm2: "layer_norm2",
  qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
  out: "self_attn.out_proj",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
};

/**
 * Of fresh position embeddings: about the size of an embedded patch, so that the norm behind their sum does not take away
 * how bright a patch is or how much is in it.
 */
const PLACE_STD = 0.5;

export class ClipVision {
  readonly #classEmbedding: Tensor;
  readonly #patchEmbedding: Tensor;
  readonly #positionEmbedding: Tensor;
  readonly #preNorm: LayerNorm;
  readonly #layers: readonly EncoderLayer[];

  constructor(
    params: Params,
    private readonly config: VisionConfig,
  ) {
    const { hiddenSize, channels, imageSize, patchSize, normEps, layers } = config;
    const embeddings = params.at("embeddings");
    const patches = Math.floor(imageSize / patchSize) ** 2;
    const shape = [hiddenSize, channels, patchSize, patchSize];
    this.#classEmbedding = embeddings.get("class_embedding", [hiddenSize], { std: PLACE_STD });
    this.#patchEmbedding = embeddings.at("patch_embedding").get("weight", shape, fanIn(channels * patchSize ** 2));
    const positions = embeddings.at("position_embedding");
    this.#positionEmbedding = positions.get("weight", [patches + 1, hiddenSize], { std: PLACE_STD });
    // "layrnorm" is how the checkpoints spell it.
    this.#preNorm = new LayerNorm(params.at("pre_layrnorm"), hiddenSize, normEps);
    const encoder = params.at("encoder");
    this.#layers = Array.from({ length: layers }, (_, i) => new EncoderLayer(encoder.at("layers", i), BLOCK, config));
    // LLaVA looks at an earlier layer; the checkpoints carry this norm, so it is read and written.
    new LayerNorm(params.at("post_layernorm"), hiddenSize, normEps);
  }

  /**
   * Hidden states of the asked layers, 0 being the input of the first layer; no layer above the highest is run.
   *
   * @param pixels `[images, channels, imageSize, imageSize]`
   * @returns for each of `layers`: `[images, 1 + patches, hiddenSize]`, the class token's row first
   * @throws RocError USAGE where the pictures have another size
   */
  forward(pixels: Tensor, layers: readonly number[]): Tensor[] {
    let hidden = this.#embed(pixels);
    const states = [hidden];
    for (const layer of this.#layers.slice(0, Math.max(...layers))) {
      hidden = layer.forward(hidden);
      states.push(hidden);
    }
    return layers.flatMap((index) => states[index] ?? []);
  }

  #embed(pixels: Tensor): Tensor {
    const rows = linear(patchRows(pixels, this.config), this.#patchEmbedding.flatten(1), null);
    const first = this.#classEmbedding.expand(rows.size(0), 1, this.config.hiddenSize).to(rows.dtype);
    return this.#preNorm.forward(cat([first, rows], 1).add(this.#positionEmbedding));
  }
}
