/**
 * LLaVA-OneVision (arXiv 2408.03326): SigLIP's patches of a picture and of its tiles, projected by two linear maps, replace in
 * Qwen2's sequence the positions of placeholder tokens. Names inside are those of the public files.
 */
import { RocError } from "../../errors.js";
import { Decoder, insertRows, KvCache, Params, type ParamSource } from "../../nn/index.js";
import { aten, cat, type Tensor } from "../../torch/index.js";
import { ClipVision } from "../common/clip-vision.js";
import { DecoderMllm } from "../common/decoder-mllm.js";
import { Projector } from "../common/projector.js";
import type { Cache, ImageBatch, Mllm, MllmInput } from "../types.js";
import { type TilePlan } from "./anyres.js";
import { parseLlavaOnevisionConfig, type LlavaOnevisionConfig } from "./config.js";
import { memoryName, nameIn, PUBLIC, type Layout } from "./names.js";
import { plansOf } from "./plans.js";

const scaleDown = aten("upsample_bilinear2d");

export class LlavaOnevisionModel extends DecoderMllm implements Mllm {
  readonly family = "llava_onevision";
  readonly #vision: ClipVision;
  readonly #projector: Projector;
  readonly #newline: Tensor;

  /**
   * Asks `source` for every parameter; see {@link createLlavaOnevision}.
   *
   * @param layout what its parameters are called outside
   */
  constructor(
    private readonly parsed: LlavaOnevisionConfig,
    source: ParamSource,
    private readonly layout: Layout = PUBLIC,
  ) {
    const root = new Params(source);
    const { hiddenSize } = parsed.text;
    const newline = root.get("image_newline", [hiddenSize], { std: hiddenSize ** -0.5 });
    const vision = new ClipVision(root.at("vision_tower", "vision_model"), parsed.vision, "siglip");
    const projector = new Projector(root.at("multi_modal_projector"), {
      inputs: parsed.vision.hiddenSize * parsed.featureLayers.length,
      outputs: hiddenSize,
      activation: parsed.projectorActivation,
      bias: parsed.projectorBias,
    });
    const language = root.at("language_model");
    const decoder = new Decoder(language.at("model"), language, parsed.text);
    super({ config: parsed.raw, decoder, tensors: root.tensors, nested: true });
    this.#vision = vision;
    this.#projector = projector;
    this.#newline = newline;
  }

  get placeholderIds(): readonly number[] {
    return [this.parsed.imageTokenId];
  }

  forward(input: MllmInput, cache?: Cache): Tensor {
    if (cache !== undefined && !(cache instanceof KvCache)) {
      throw new RocError("USAGE", "forward: the cache is not one of this model's newCache().");
    }
    const { attentionMask, rows } = input;
    return this.decoder.forward(this.embed(input, cache), { attentionMask, cache, rows });
  }

  /** What Qwen2's first layer sees: embeddings with the images in place, `[batch, T, hiddenSize]`. */
  embed({ inputIds, images }: MllmInput, cache?: Cache): Tensor {
    const embeddings = this.decoder.vocabulary.embed(this.here(inputIds));
    if (images === undefined && cache !== undefined && cache.length > 0) return embeddings;
    return insertRows(embeddings, inputIds.eq(this.parsed.imageTokenId), this.features(images));
  }

  imageFeatures(images: ImageBatch): Tensor {
    const plans = plansOf(images, this.parsed.rules);
    const counts = plans.map((plan) => (plan ? plan.down * plan.across + 1 : 1));
    const pixels = this.here(flatTiles(images.pixelValues, counts), this.dtype);
    const states = this.#vision.forward(pixels, this.parsed.featureLayers);
    const features = this.#projector.forward(states.length === 1 && states[0] ? states[0] : cat(states, -1));
    let start = 0;
    const rows = plans.map((plan, index) => {
      const count = counts[index] ?? 0;
      start += count;
      return this.#packed(features.narrow(0, start - count, count), plan);
    });
    return cat(rows);
  }

  /** A picture's tiles `[tiles, patches², hiddenSize]` as rows, `[rows, hiddenSize]`: the thumbnail's, then line by line. */
  #packed(tiles: Tensor, plan: TilePlan | undefined): Tensor {
    const hiddenSize = tiles.size(2);
    const newline = this.#newline.to(tiles.dtype);
    const thumbnail = tiles.select(0, 0);
    if (!plan) return cat([thumbnail, newline.unsqueeze(0)]);
    const { rows } = plan;
    const grid = this.#grid(tiles.slice(0, 1), plan);
    const lines = cat([grid, newline.expand(rows, 1, hiddenSize)], 1);
    return cat([thumbnail, lines.flatten(0, 1)]);
  }

  /** Tiles put together, cut to the picture and scaled down, `[rows, columns, hiddenSize]`. */
  #grid(tiles: Tensor, { down, across, cutRows, cutColumns, rows, columns, isScaled }: TilePlan): Tensor {
    const { patches } = this.parsed.rules;
    const hiddenSize = tiles.size(2);
    const [height, width] = [down * patches, across * patches];
    const whole = tiles
      .reshape(down, across, patches, patches, hiddenSize)
      .permute(0, 2, 1, 3, 4)
      .reshape(height, width, hiddenSize);
    const cut = whole.slice(0, cutRows, height - cutRows).slice(1, cutColumns, width - cutColumns);
    if (!isScaled) return cut;
    const scaled = scaleDown(cut.permute(2, 0, 1).unsqueeze(0), [rows, columns], false, null, null);
    return scaled.select(0, 0).permute(1, 2, 0);
  }

  override parameters(): Map<string, Tensor> {
    return new Map([...this.tensors].map(([name, tensor]) => [this.parameterName(name), tensor]));
  }

  parameterName(name: string): string {
    return nameIn(this.layout, name);
  }

  transformersName(name: string): string {
    return memoryName(name);
  }
}

/** `[images, tiles, 3, S, S]` without what it is filled up with, as tiles in sequence. */
function flatTiles(pixelValues: Tensor, counts: readonly number[]): Tensor {
  if (pixelValues.ndim !== 5) return pixelValues;
  return cat(counts.map((count, index) => pixelValues.select(0, index).narrow(0, 0, count)));
}

/**
 * A LLaVA-OneVision model with parameters of any source: `createLlavaOnevision(config, randomSource({ seed: 1 }))` is a fresh
 * one.
 *
 * @param config a parsed `config.json`
 * @throws RocError CONFIG_INVALID; what the source throws
 */
export function createLlavaOnevision(config: unknown, source: ParamSource): LlavaOnevisionModel {
  return new LlavaOnevisionModel(parseLlavaOnevisionConfig(config), source);
}
