/** CLIP's vision transformer (arXiv 2103.00020; transformers' CLIPVisionModel) up to the layer that LLaVA looks at. */
import { RocError } from "../../errors.js";
import { ACTIVATIONS, attention, fanIn, LayerNorm, Linear, SEES_ALL, type Init, type Params } from "../../nn/index.js";
import { aten, cat, type Tensor } from "../../torch/index.js";
import type { VisionConfig } from "./config.js";

const linear = aten("linear");

class EncoderLayer {
  readonly norm1: LayerNorm;
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly out: Linear;
  readonly norm2: LayerNorm;
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(
    params: Params,
    private readonly config: VisionConfig,
  ) {
    const { hiddenSize: size, intermediateSize, normEps, layers } = config;
    // Outputs that are added to the residual stream start smaller, so that its size does not grow with the depth.
    const residual = (inputs: number): Init => ({ std: (inputs * 2 * layers) ** -0.5 });
    const own = params.at("self_attn");
    this.norm1 = new LayerNorm(params.at("layer_norm1"), size, normEps);
    this.q = new Linear(own.at("q_proj"), size, size, { bias: true });
    this.k = new Linear(own.at("k_proj"), size, size, { bias: true });
    this.v = new Linear(own.at("v_proj"), size, size, { bias: true });
    this.out = new Linear(own.at("out_proj"), size, size, { bias: true, init: residual(size) });
    this.norm2 = new LayerNorm(params.at("layer_norm2"), size, normEps);
    this.fc1 = new Linear(params.at("mlp", "fc1"), size, intermediateSize, { bias: true });
    const init = residual(intermediateSize);
    this.fc2 = new Linear(params.at("mlp", "fc2"), intermediateSize, size, { bias: true, init });
  }

  forward(x: Tensor, images: number, rows: number): Tensor {
    const { heads, hiddenSize, activation } = this.config;
    const split = (y: Tensor): Tensor => y.view(images, rows, heads, hiddenSize / heads).transpose(1, 2);
    const normed = this.norm1.forward(x);
    const [q, k, v] = [this.q, this.k, this.v].map((map) => split(map.forward(normed))) as [Tensor, Tensor, Tensor];
    const attended = x.add(this.out.forward(attention(q, k, v, SEES_ALL, false)));
    const inner = ACTIVATIONS[activation](this.fc1.forward(this.norm2.forward(attended)));
    return attended.add(this.fc2.forward(inner));
  }
}

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
    this.#layers = Array.from({ length: layers }, (_, i) => new EncoderLayer(encoder.at("layers", i), config));
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
    const [images = 0, rows = 0] = hidden.shape;
    const states = [hidden];
    for (const layer of this.#layers.slice(0, Math.max(...layers))) {
      hidden = layer.forward(hidden, images, rows);
      states.push(hidden);
    }
    return layers.flatMap((index) => states[index] ?? []);
  }

  /** A convolution whose stride is its kernel is a linear map of patches (and never runs in TF32 as cuDNN's would). */
  #embed(pixels: Tensor): Tensor {
    const { hiddenSize, channels, imageSize, patchSize } = this.config;
    const [images = 0, ...shape] = pixels.shape;
    if (shape.join() !== [channels, imageSize, imageSize].join()) {
      const asked = `[images, ${channels}, ${imageSize}, ${imageSize}]`;
      throw new RocError("USAGE", `pixelValues has the shape [${pixels.shape.join(", ")}]; the model takes ${asked}.`);
    }
    const side = Math.floor(imageSize / patchSize);
    const used = side * patchSize;
    const patches = pixels
      .slice(2, 0, used)
      .slice(3, 0, used)
      .reshape(images, channels, side, patchSize, side, patchSize)
      .permute(0, 2, 4, 1, 3, 5)
      .reshape(images, side * side, channels * patchSize * patchSize);
    const rows = linear(patches, this.#patchEmbedding.flatten(1), null);
    const first = this.#classEmbedding.expand(images, 1, hiddenSize).to(rows.dtype);
    return this.#preNorm.forward(cat([first, rows], 1).add(this.#positionEmbedding));
  }
}
