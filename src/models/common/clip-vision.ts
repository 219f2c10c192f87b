/**
 * The vision transformers that LLaVA's families look at, up to their layer: CLIP's (arXiv 2103.00020; transformers'
 * CLIPVisionModel) and SigLIP's (arXiv 2303.15343; SiglipVisionModel).
 */
import { EncoderLayer, fanIn, LayerNorm, patchRows } from "../../nn/index.js";
import type { ActivationName, EncoderLayerNames, Params } from "../../nn/index.js";
import { aten, cat, type Tensor } from "../../torch/index.js";

const linear = aten("linear");

export interface VisionConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly channels: number;
  /** Sides in pixels. */
  readonly imageSize: number;
  readonly patchSize: number;
  readonly activation: ActivationName;
  readonly normEps: number;
}

/** What CLIP has before its layers: a class token in front of the patches, and a norm. */
interface Front {
  readonly classEmbedding: Tensor;
  readonly norm: LayerNorm;
}

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
  readonly #front: Front | undefined;
  readonly #patchEmbedding: Tensor;
  readonly #patchBias: Tensor | null;
  readonly #positionEmbedding: Tensor;
  readonly #layers: readonly EncoderLayer[];
  readonly #after: LayerNorm;

  /** @param kind SigLIP has neither class token nor norm before its layers, and a bias on its patches */
  constructor(
    params: Params,
    private readonly config: VisionConfig,
    kind: "clip" | "siglip" = "clip",
  ) {
    const { hiddenSize, channels, imageSize, patchSize, normEps, layers } = config;
    const embeddings = params.at("embeddings");
    const patches = Math.floor(imageSize / patchSize) ** 2;
    const shape = [hiddenSize, channels, patchSize, patchSize];
    const isClip = kind === "clip";
    const classEmbedding = isClip && embeddings.get("class_embedding", [hiddenSize], { std: PLACE_STD });
    const patch = embeddings.at("patch_embedding");
    this.#patchEmbedding = patch.get("weight", shape, fanIn(channels * patchSize ** 2));
    this.#patchBias = isClip ? null : patch.get("bias", [hiddenSize], "zeros");
    const positions = embeddings.at("position_embedding");
    const places = patches + (isClip ? 1 : 0);
    this.#positionEmbedding = positions.get("weight", [places, hiddenSize], { std: PLACE_STD });
    // "layrnorm" is how the checkpoints spell it.
    const norm = classEmbedding && new LayerNorm(params.at("pre_layrnorm"), hiddenSize, normEps);
    this.#front = classEmbedding && norm ? { classEmbedding, norm } : undefined;
    const encoder = params.at("encoder");
    this.#layers = Array.from({ length: layers }, (_, i) => new EncoderLayer(encoder.at("layers", i), BLOCK, config));
    // What LLaVA looks at comes before it; the checkpoints carry this norm, so it is read and written.
    this.#after = new LayerNorm(params.at("post_layernorm"), hiddenSize, normEps);
  }

  /**
   * CLIP's picture of a picture: the class token's row after the last layer, normalised.
   *
   * @param pixels as {@link forward}
   * @returns `[images, hiddenSize]`
   */
  pooled(pixels: Tensor): Tensor {
    const [last] = this.forward(pixels, [this.config.layers]) as [Tensor];
    return this.#after.forward(last.select(1, 0));
  }

  /**
   * Hidden states of the asked layers, 0 being the input of the first layer; no layer above the highest is run.
   *
   * @param pixels `[images, channels, imageSize, imageSize]`
   * @returns for each of `layers`: `[images, patches, hiddenSize]`; CLIP's have the class token's row in front
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
    const rows = linear(patchRows(pixels, this.config), this.#patchEmbedding.flatten(1), this.#patchBias);
    if (!this.#front) return rows.add(this.#positionEmbedding);
    const { classEmbedding, norm } = this.#front;
    const first = classEmbedding.expand(rows.size(0), 1, this.config.hiddenSize).to(rows.dtype);
    return norm.forward(cat([first, rows], 1).add(this.#positionEmbedding));
  }
}
