/**
 * InternVL (arXiv 2504.10479): tiles of a picture through InternViT, blocks of patches projected to rows in the sequence of a
 * Qwen2, Qwen3 or LLaMA decoder. Names are those of the checkpoint's layout.
 */
import { RocError } from "../../errors.js";
import { ACTIVATIONS, Decoder, insertRows, KvCache, LayerNorm, Linear, Params } from "../../nn/index.js";
import type { ParamSource } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { DecoderMllm } from "../common/decoder-mllm.js";
import type { Cache, ImageBatch, Mllm, MllmInput } from "../types.js";
import { parseInternVlConfig, type InternVlConfig } from "./config.js";
import { internVlName, memoryName, PARTS } from "./names.js";
import { InternVision } from "./vision.js";

/** torch's own default, whatever the other norms have. */
const PROJECTOR_EPS = 1e-5;

/** Patches of a block side by side, their norm, and two linear maps. */
class Projector {
  readonly #norm: LayerNorm;
  readonly #first: Linear;
  readonly #second: Linear;

  constructor(
    root: Params,
    private readonly config: InternVlConfig,
  ) {
    const { layout, block, vision, text } = config;
    const [norm, first, second] = PARTS[layout].projector;
    const inputs = vision.hiddenSize * block ** 2;
    this.#norm = new LayerNorm(root.at(norm), inputs, PROJECTOR_EPS);
    this.#first = new Linear(root.at(first), inputs, text.hiddenSize, { bias: true });
    this.#second = new Linear(root.at(second), text.hiddenSize, text.hiddenSize, { bias: true });
  }

  /** `[tiles, rows, columns, visionSize]` to `[rows of all tiles, hiddenSize]` */
  forward(patches: Tensor): Tensor {
    const blocks = this.#norm.forward(this.#blocks(patches));
    return this.#second.forward(ACTIVATIONS[this.config.projectorActivation](this.#first.forward(blocks)));
  }

  /** Block by block in reading order, and the patches of a block likewise (pixel shuffle). */
  #blocks(patches: Tensor): Tensor {
    const { block, transposed } = this.config;
    const [tiles = 0, rows = 0, columns = 0, size = 0] = patches.shape;
    if (rows !== columns || rows % block !== 0) {
      const text = `a tile of ${rows} x ${columns} patches is no square of blocks of ${block} x ${block}`;
      throw new RocError("USAGE", `pixelValues: ${text}. Make them with the processor's images().`);
    }
    const cut = patches.view(tiles, rows / block, block, columns / block, block, size);
    return cut.permute(0, ...(transposed ? [3, 1] : [1, 3]), 2, 4, 5).reshape(-1, size * block ** 2);
  }
}

export class InternVlModel extends DecoderMllm implements Mllm {
  readonly family = "internvl";
  readonly #vision: InternVision;
  readonly #projector: Projector;

  /** Asks `source` for every parameter; see {@link createInternVl}. */
  constructor(
    private readonly parsed: InternVlConfig,
    source: ParamSource,
  ) {
    const root = new Params(source);
    const { layout, vision: config, text } = parsed;
    const names = PARTS[layout];
    const vision = new InternVision(root.at(names.tower), names, config, layout === "original");
    const projector = new Projector(root, parsed);
    const language = root.at("language_model");
    const decoder = new Decoder(language.at("model"), language, text);
    const textKey = layout === "original" ? "llm_config" : "text_config";
    super({ config: parsed.raw, decoder, tensors: root.tensors, nested: true, textKey });
    this.#vision = vision;
    this.#projector = projector;
  }

  get stretches(): boolean {
    return this.parsed.text.dynamicRope !== undefined;
  }

  get placeholderIds(): readonly number[] {
    const { imageTokenId } = this.parsed;
    return imageTokenId === undefined ? [] : [imageTokenId];
  }

  forward({ inputIds, attentionMask, images, rows }: MllmInput, cache?: Cache): Tensor {
    if (cache !== undefined && !(cache instanceof KvCache)) {
      throw new RocError("USAGE", "forward: the cache is not one of this model's newCache().");
    }
    const embeddings = this.decoder.vocabulary.embed(this.here(inputIds));
    const isLater = images === undefined && cache !== undefined && cache.length > 0;
    const { imageTokenId = -1 } = this.parsed;
    if (images && imageTokenId < 0) {
      const text =
        "nothing says which token stands for a row of a picture: the folder has no tokenizer with <IMG_CONTEXT>";
      throw new RocError(
        "USAGE",
        `${text}. Copy tokenizer.json or added_tokens.json of the checkpoint's source into it.`,
      );
    }
    const seen = isLater ? embeddings : insertRows(embeddings, inputIds.eq(imageTokenId), this.features(images));
    return this.decoder.forward(seen, { attentionMask, cache, rows });
  }

  imageFeatures({ pixelValues }: ImageBatch): Tensor {
    const { featureLayer, behindNorm } = this.parsed;
    const pixels = this.here(pixelValues, this.dtype);
    return this.#projector.forward(this.#vision.forward(pixels, featureLayer, { behindNorm }));
  }

  parameterName(name: string): string {
    return internVlName(name);
  }

  transformersName(name: string): string {
    return memoryName(this.parsed.layout, name);
  }
}

/**
 * An InternVL model with parameters of any source: `createInternVl(config, randomSource({ seed: 1 }))` is a fresh one.
 *
 * @param config a parsed `config.json` of transformers' layout or of the original code's
 * @throws RocError CONFIG_INVALID; what the source throws
 */
export function createInternVl(config: unknown, source: ParamSource): InternVlModel {
  return new InternVlModel(parseInternVlConfig(config), source);
}
