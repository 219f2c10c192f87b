/**
 * mPLUG-Owl2 (arXiv 2311.04257), the architecture of Q-Align, OneAlign and ROC4MLLM: a vision transformer, an abstractor
 * that condenses a picture to some rows, and LLaMA with a second set of norms, keys and values for those rows. Names are
 * those of the public files.
 */
import { RocError } from "../../errors.js";
import { Decoder, insertRows, KvCache, makeRoute, Params, type ParamSource, type Route } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { DecoderMllm } from "../common/decoder-mllm.js";
import { IMAGE_ID, type Cache, type ImageBatch, type Mllm, type MllmInput } from "../types.js";
import { Abstractor } from "./abstractor.js";
import { parseMplugOwl2Config, rowsPerImage, type MplugOwl2Config } from "./config.js";
import { OwlVision } from "./vision.js";

/** What the decoder takes. */
export interface Embedded {
  /** `[batch, T, hiddenSize]` */
  readonly embeddings: Tensor;
  /** Where the visual rows are; undefined: nowhere. */
  readonly route: Route | undefined;
}

export class MplugOwl2Model extends DecoderMllm implements Mllm {
  readonly family = "mplug_owl2";
  readonly placeholderIds: readonly number[] = [IMAGE_ID];
  readonly #vision: OwlVision;
  readonly #abstractor: Abstractor;

  /** Asks `source` for every parameter; see {@link createMplugOwl2}. */
  constructor(
    private readonly parsed: MplugOwl2Config,
    source: ParamSource,
  ) {
    const root = new Params(source);
    const body = root.at("model");
    const vision = new OwlVision(body.at("vision_model"), parsed.vision);
    const abstractor = new Abstractor(body.at("visual_abstractor"), parsed.abstractor);
    const decoder = new Decoder(body, root, parsed.text);
    super({ config: parsed.raw, decoder, tensors: root.tensors, nested: false });
    this.#vision = vision;
    this.#abstractor = abstractor;
  }

  forward(input: MllmInput, cache?: Cache): Tensor {
    if (cache !== undefined && !(cache instanceof KvCache)) {
      throw new RocError("USAGE", "forward: the cache is not one of this model's newCache().");
    }
    const { attentionMask, rows } = input;
    const { embeddings, route } = this.embed(input, cache);
    return this.decoder.forward(embeddings, { attentionMask, cache, route, rows });
  }

  /** What LLaMA's first layer sees, and which of its rows are visual. */
  embed(input: MllmInput, cache?: Cache): Embedded {
    const { inputIds: ids } = input;
    const { vocabulary } = this.decoder;
    // A step of generation: its token comes from the vocabulary.
    const isStep = input.images === undefined && cache !== undefined && cache.length > 0 && ids.size(1) === 1;
    if (isStep) return { embeddings: vocabulary.embed(this.here(ids)), route: undefined };
    const visual = ids.eq(IMAGE_ID);
    const features = this.features(input.images);
    const embeddings = insertRows(vocabulary.embed(this.here(ids.maskedFill(visual, 0))), visual, features);
    return { embeddings, route: features && makeRoute(visual, this.device) };
  }

  imageFeatures({ pixelValues }: ImageBatch): Tensor {
    const pixels = this.here(pixelValues, this.dtype);
    return this.#abstractor.forward(this.#vision.forward(pixels)).flatten(0, 1);
  }

  expandPlaceholders(ids: readonly number[]): number[] {
    return expandImages(ids, rowsPerImage(this.parsed));
  }
}

/** Ids with {@link IMAGE_ID} once an image to ids with it once a visual row. */
export function expandImages(ids: readonly number[], rows: number): number[] {
  return ids.flatMap((id) => (id === IMAGE_ID ? new Array<number>(rows).fill(IMAGE_ID) : id));
}

/**
 * An mPLUG-Owl2 model with parameters of any source: `createMplugOwl2(config, randomSource({ seed: 1 }))` is a fresh one.
 *
 * @param config a parsed `config.json`
 * @throws RocError CONFIG_INVALID; what the source throws
 */
export function createMplugOwl2(config: unknown, source: ParamSource): MplugOwl2Model {
  return new MplugOwl2Model(parseMplugOwl2Config(config), source);
}
