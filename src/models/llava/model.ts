/**
 * LLaVA-1.5 (arXiv 2310.03744): CLIP's patches, projected by two linear maps, replace in LLaMA's sequence the positions of
 * placeholder tokens. Names inside are those of the public llava-hf files, outside those of the checkpoint's layout.
 */
import { RocError } from "../../errors.js";
import { Decoder, insertRows, KvCache, Params, type ParamSource } from "../../nn/index.js";
import { cat, type Tensor } from "../../torch/index.js";
import { ClipVision } from "../common/clip-vision.js";
import { DecoderMllm } from "../common/decoder-mllm.js";
import { Projector } from "../common/projector.js";
import { IMAGE_ID, type Cache, type ImageBatch, type Mllm, type MllmInput } from "../types.js";
import { parseLlavaConfig, rowsPerImage, type LlavaConfig } from "./config.js";
import { memoryName, nameIn } from "./names.js";

export class LlavaModel extends DecoderMllm implements Mllm {
  readonly family = "llava";
  readonly #vision: ClipVision;
  readonly #projector: Projector;

  /** In the original layout only, where prompts may hold one placeholder an image. */
  readonly expandPlaceholders?: (ids: readonly number[]) => number[];

  /** Asks `source` for every parameter; see {@link createLlava}. */
  constructor(
    private readonly parsed: LlavaConfig,
    source: ParamSource,
  ) {
    const root = new Params(source);
    const language = root.at("language_model");
    const vision = new ClipVision(root.at("vision_tower", "vision_model"), parsed.vision);
    const projector = new Projector(root.at("multi_modal_projector"), {
      inputs: parsed.vision.hiddenSize * parsed.featureLayers.length,
      outputs: parsed.text.hiddenSize,
      activation: parsed.projectorActivation,
      bias: parsed.projectorBias,
    });
    const decoder = new Decoder(language.at("model"), language, parsed.text);
    super({ config: parsed.raw, decoder, tensors: root.tensors, nested: parsed.layout !== "original" });
    this.#vision = vision;
    this.#projector = projector;
    if (parsed.imageTokenId === IMAGE_ID) this.expandPlaceholders = (ids) => expandRows(ids, rowsPerImage(parsed));
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

  /** What LLaMA's first layer sees: embeddings with the images in place, `[batch, T, hiddenSize]`. */
  embed(input: MllmInput, cache?: Cache): Tensor {
    const { inputIds: ids } = input;
    const { vocabulary } = this.decoder;
    if (input.images === undefined && cache !== undefined && cache.length > 0) return vocabulary.embed(this.here(ids));
    const placeholders = ids.eq(this.parsed.imageTokenId);
    // A placeholder may be no token of the vocabulary.
    const embeddings = vocabulary.embed(this.here(ids.maskedFill(placeholders, 0)));
    return insertRows(embeddings, placeholders, this.features(input.images));
  }

  imageFeatures({ pixelValues }: ImageBatch): Tensor {
    const pixels = this.here(pixelValues, this.dtype);
    const states = this.#vision.forward(pixels, this.parsed.featureLayers);
    const rows = this.parsed.withClassToken ? states : states.map((state) => state.slice(1, 1));
    return this.#projector.forward(rows.length === 1 && rows[0] ? rows[0] : cat(rows, -1)).flatten(0, 1);
  }

  override parameters(): Map<string, Tensor> {
    return new Map([...this.tensors].map(([name, tensor]) => [this.parameterName(name), tensor]));
  }

  parameterName(name: string): string {
    return nameIn(this.parsed.layout, name);
  }

  transformersName(name: string): string {
    return memoryName(this.parsed.layout, name);
  }
}

/** One placeholder an image to one a visual row; a run of as many as some images take is expanded already. */
function expandRows(ids: readonly number[], rows: number): number[] {
  const runs: number[][] = [];
  for (const [t, id] of ids.entries()) {
    if (t > 0 && (id === IMAGE_ID) === (ids[t - 1] === IMAGE_ID)) runs.at(-1)?.push(id);
    else runs.push([id]);
  }
  const isOpen = (run: readonly number[]): boolean => run[0] === IMAGE_ID && run.length % rows !== 0;
  return runs.flatMap((run) => (isOpen(run) ? run.flatMap((id) => new Array<number>(rows).fill(id)) : run));
}

/**
 * A LLaVA-1.5 model (arXiv 2310.03744) with parameters of any source; with those of {@link randomSource} a fresh one.
 *
 * @param config a parsed `config.json`, in the layout of llava-hf or of the original repository
 * @param source asked once per parameter, in a fixed order, by the name that transformers gives it
 * @returns a model that the caller disposes
 * @throws RocError CONFIG_INVALID where the config lacks a key or holds one of a wrong kind; what the source throws
 *
 * @example
 * ```ts
 * import { createLlava, randomSource } from "roc4mllm";
 *
 * const config = {
 *   model_type: "llava",
 *   image_token_index: 49,
 *   vision_feature_layer: -2,
 *   vision_feature_select_strategy: "default",
 *   text_config: { hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2, vocab_size: 50 },
 *   vision_config: {
 *     ...{ hidden_size: 16, intermediate_size: 32, num_hidden_layers: 2, num_attention_heads: 2 },
 *     ...{ image_size: 28, patch_size: 14 },
 *   },
 * };
 * using model = createLlava(config, randomSource({ seed: 1 }));
 * console.log(model.family, model.vocabSize, model.hiddenSize); // llava 50 16
 * ```
 *
 * @category Checkpoints and models
 */
export function createLlava(config: unknown, source: ParamSource): Mllm {
  return new LlavaModel(parseLlavaConfig(config), source);
}
