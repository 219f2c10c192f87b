/**
 * A model family made up for the tests, as docs/add-a-family.md leads to one: patches of a square picture, one transformer
 * block, a linear map into a LLaMA-like decoder. Its names are none of the real families', so that whoever knows those by
 * heart fails here.
 */
import { join } from "node:path";
import { z } from "zod";
import { RocError } from "../../../src/errors.js";
import { atomicWriteJson, type OpenFolder } from "../../../src/files/index.js";
import { answerIds, endTokenOf } from "../../../src/models/common/answer.js";
import { count, headsOf, imageSide, patchSide, tokenId } from "../../../src/models/common/config-fields.js";
import { DecoderMllm } from "../../../src/models/common/decoder-mllm.js";
import { isDecoderVocabulary } from "../../../src/models/common/parts.js";
import { loadSquareProcessor, SquareImages } from "../../../src/models/common/square-images.js";
import { strictModel } from "../../../src/models/common/strict-model.js";
import { isTied } from "../../../src/models/common/tied.js";
import { registerFamily } from "../../../src/models/registry.js";
import type { Cache, Family, ImageBatch, FamilyLoadOptions, Mllm, MllmInput } from "../../../src/models/types.js";
import type { MllmProcessor } from "../../../src/models/types.js";
import { Decoder, EncoderLayer, fanIn, insertRows, KvCache, LayerNorm, Linear } from "../../../src/nn/index.js";
import { Params, patchRows, type DecoderConfig, type ParamSource } from "../../../src/nn/index.js";
import { loadTokenizer, type Tokenizer } from "../../../src/tokenizers/index.js";
import type { Tensor } from "../../../src/torch/index.js";
import { openCheckpoint, strictSource } from "../../../src/weights/index.js";

// ---- config.json ------------------------------------------------------------------------------------------------------

const schema = z.looseObject({
  model_type: z.literal("toy"),
  image_token_id: tokenId,
  image_size: imageSide,
  patch_size: patchSide,
  eye_size: count,
  vocab_size: count,
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  tie_word_embeddings: z.boolean().default(false),
});

interface ToyConfig {
  readonly raw: Record<string, unknown>;
  readonly imageTokenId: number;
  readonly eyeSize: number;
  readonly grid: { readonly channels: number; readonly imageSize: number; readonly patchSize: number };
  readonly text: DecoderConfig;
}

function parseToyConfig(config: unknown, file = "config.json", vocabSize?: number): ToyConfig {
  const invalid = (what: string): RocError => new RocError("CONFIG_INVALID", `${file} is no toy's config: ${what}.`);
  const { data: values, error } = schema.safeParse(config);
  if (!values) throw invalid(z.prettifyError(error).replaceAll("\n", " "));
  return {
    raw: structuredClone({ ...values }),
    imageTokenId: values.image_token_id,
    eyeSize: values.eye_size,
    grid: { channels: 3, imageSize: values.image_size, patchSize: values.patch_size },
    text: {
      ...headsOf(values, invalid),
      ...{ vocabSize: vocabSize ?? values.vocab_size, hiddenSize: values.hidden_size },
      ...{ intermediateSize: 2 * values.hidden_size, layers: values.num_hidden_layers },
      ...{
        normEps: 1e-6,
        ropeTheta: 10000,
        activation: "silu",
        attentionBias: false,
        outputBias: false,
        mlpBias: false,
      },
      tied: values.tie_word_embeddings,
    },
  };
}

// ---- model ------------------------------------------------------------------------------------------------------------

const BLOCK = { norm1: "before", norm2: "between", qkv: ["q", "k", "v"], out: "out", fc1: "up", fc2: "down" } as const;

export class ToyModel extends DecoderMllm implements Mllm {
  readonly family = "toy";
  readonly #patches: Linear;
  readonly #block: EncoderLayer;
  readonly #norm: LayerNorm;
  readonly #bridge: Linear;

  constructor(
    private readonly parsed: ToyConfig,
    source: ParamSource,
  ) {
    const root = new Params(source);
    const [eye, mind] = [root.at("eye"), root.at("mind")];
    const { eyeSize, grid, text } = parsed;
    const inputs = grid.channels * grid.patchSize ** 2;
    const patches = new Linear(eye.at("patches"), inputs, eyeSize, { bias: true, init: fanIn(inputs) });
    const sizes = { hiddenSize: eyeSize, intermediateSize: 2 * eyeSize, heads: 2, layers: 1 };
    const block = new EncoderLayer(eye.at("block"), BLOCK, { ...sizes, activation: "gelu", normEps: 1e-5 });
    const norm = new LayerNorm(eye.at("norm"), eyeSize, 1e-5);
    const bridge = new Linear(root.at("bridge"), eyeSize, text.hiddenSize, { bias: true });
    const decoder = new Decoder(mind, mind, text);
    super({ config: parsed.raw, decoder, tensors: root.tensors, nested: false });
    this.#patches = patches;
    this.#block = block;
    this.#norm = norm;
    this.#bridge = bridge;
  }

  /** `[images, 3, S, S]` to `[images * patches, hiddenSize]`. */
  imageFeatures({ pixelValues }: ImageBatch): Tensor {
    const pixels = this.here(pixelValues, this.dtype);
    const rows = this.#block.forward(this.#patches.forward(patchRows(pixels, this.parsed.grid)));
    return this.#bridge.forward(this.#norm.forward(rows)).flatten(0, 1);
  }

  get placeholderIds(): readonly number[] {
    return [this.parsed.imageTokenId];
  }

  forward(input: MllmInput, cache?: Cache): Tensor {
    if (cache !== undefined && !(cache instanceof KvCache)) {
      throw new RocError("USAGE", "forward: the cache is not one of this model's newCache().");
    }
    const { inputIds, attentionMask, rows } = input;
    const embeddings = this.decoder.vocabulary.embed(this.here(inputIds));
    const isStep = input.images === undefined && cache !== undefined && cache.length > 0;
    const embedded = isStep
      ? embeddings
      : insertRows(embeddings, inputIds.eq(this.parsed.imageTokenId), this.features(input.images));
    return this.decoder.forward(embedded, { attentionMask, cache, rows });
  }
}

// ---- reading ----------------------------------------------------------------------------------------------------------

const EMBEDDING = "mind.embed_tokens.weight";
const HEAD = "mind.lm_head.weight";

async function loadToy(folder: OpenFolder, options: FamilyLoadOptions): Promise<ToyModel> {
  using checkpoint = await openCheckpoint(folder);
  const { outline, quantize, device = "cpu", dtype = device === "cpu" ? "float32" : undefined } = options;
  const rows = checkpoint.has(EMBEDDING) ? checkpoint.info(EMBEDDING).shape[0] : undefined;
  const parsed = parseToyConfig(await folder.json("config.json"), folder.file("config.json"), rows);
  const tied = isTied(parsed.text.tied, checkpoint, { embedding: EMBEDDING, head: HEAD }, (name) => name);
  const source = strictSource(checkpoint, {
    ignore: (name) => tied && name === HEAD,
    dtype,
    device,
    outline,
    quantize,
  });
  return strictModel(source, () => new ToyModel({ ...parsed, text: { ...parsed.text, tied } }, source));
}

export function createToy(config: unknown, source: ParamSource): ToyModel {
  return new ToyModel(parseToyConfig(config), source);
}

// ---- pictures and prompts ---------------------------------------------------------------------------------------------

const CUE = "Says:";

class ToyProcessor extends SquareImages implements MllmProcessor {
  readonly endTokenId: number;

  constructor(
    private readonly config: ToyConfig,
    readonly tokenizer: Tokenizer,
    processor: ConstructorParameters<typeof SquareImages>[0],
  ) {
    super(processor, config.grid.imageSize);
    this.endTokenId = endTokenOf(tokenizer);
  }

  prompt(text: string, images?: ImageBatch): number[] {
    const { imageTokenId, grid } = this.config;
    const ids = this.tokenizer.encode(`Sees: ${text} ${CUE}`);
    const [found, given] = [ids.filter((id) => id === imageTokenId).length, images?.pixelValues.size(0)];
    if (given !== undefined && found !== given) {
      throw new RocError("USAGE", `The prompt holds ${found} times <image>, but ${given} images are given.`);
    }
    const rows = new Array<number>(Math.floor(grid.imageSize / grid.patchSize) ** 2).fill(imageTokenId);
    return ids.flatMap((id) => (id === imageTokenId ? rows : id));
  }

  answer(text: string): number[] {
    return answerIds(this.tokenizer, CUE, text);
  }

  async save(folder: string): Promise<void> {
    await this.tokenizer.save(folder);
    await atomicWriteJson(join(folder, "preprocessor_config.json"), this.processor.config);
  }
}

const VISION = /^eye\./;

export const toy: Family = {
  modelTypes: ["toy"],
  pictures: "square",
  partOf: (name) => (VISION.test(name) ? "vision" : name.startsWith("bridge.") ? "projector" : "language"),
  isVocabulary: isDecoderVocabulary,
  loraTargets: String.raw`mind\.layers\..*`,
  configSchemas: [schema],
  load: loadToy,
  async loadImages(folder, config, options) {
    return new SquareImages(await loadSquareProcessor(folder, options), parseToyConfig(config).grid.imageSize);
  },
  async loadProcessor(folder, config, options) {
    const [tokenizer, images] = [await loadTokenizer(folder), await loadSquareProcessor(folder, options)];
    return new ToyProcessor(parseToyConfig(config), tokenizer, images);
  },
};

/** Makes the toy known in this process; gives back what forgets it. */
export function registerToy(): () => void {
  return registerFamily(toy);
}
