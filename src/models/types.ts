/**
 * What every model family offers to the method (`roc/`), to training and to scoring.
 *
 * A family is a folder beside this file. `roc/` sees only this interface: a new family needs no edit there.
 */
import type { z } from "zod";
import type { Device, DType, Tensor } from "../torch/index.js";
import type { QuantizePlan } from "../torch/int8.js";
import type { OpenFolder } from "../files/index.js";
import type { ResizeMode, RgbImage, StoredImage } from "../image/index.js";
import type { CacheOptions, ParamSource } from "../nn/index.js";
import type { Tokenizer } from "../tokenizers/types.js";

export type { CacheOptions };

/**
 * Stands for a visual row among token ids (before expansion: for an image) where no token of the vocabulary does: in
 * mPLUG-Owl2 and in the original LLaVA code, as both have it.
 */
export const IMAGE_ID = -200;

/**
 * What the vision part takes; made by {@link ImageInputs.images}.
 *
 * @category Checkpoints and models
 */
export interface ImageBatch {
  /**
   * llava, mplug_owl2: `[images, 3, H, W]` float32, normalised. Qwen's: `[patches of all images, values per patch]`. Families
   * that cut a picture into tiles: `[tiles of all images, 3, S, S]`.
   */
  readonly pixelValues: Tensor;
  /** Qwen's families only: per image (or video) `[t, h, w]` in unmerged patches. */
  readonly imageGridThw?: readonly (readonly [number, number, number])[];
  /** qwen2_5_vl: per image (or video) the seconds that each of its `t` lasts (of videos; an image's does not count); default: 1. */
  readonly secondsPerGrid?: readonly number[];
  /** Only in families that cut a picture into tiles: how many each image is of, its thumbnail among them. */
  readonly tiles?: readonly number[];
  /** Only in families whose rows depend on it: per image `[height, width]` in pixels, before it was resized. */
  readonly imageSizes?: readonly (readonly [number, number])[];
  /** What {@link Mllm.imageFeatures} gave for them: a forward then takes it, and computes none. */
  readonly features?: Tensor;
}

/**
 * One forward's input.
 *
 * @category Checkpoints and models
 */
export interface MllmInput {
  /**
   * `[B, T]` int64; image placeholders are already expanded (one id per visual row; mplug_owl2: -200). The model reads them
   * and the mask: on the CPU, whatever its device, nothing waits for a GPU.
   */
  readonly inputIds: Tensor;
  /** `[B, T]` int64, 1 = real, 0 = padding. Absent: everything is real. */
  readonly attentionMask?: Tensor;
  /** Of all sequences, in reading order. Absent: text only, or the images are already in the cache. */
  readonly images?: ImageBatch;
  /** Flat positions `b * T + t` whose hidden states are wanted: the last layer computes no others. Absent: all. */
  readonly rows?: readonly number[] | undefined;
}

/**
 * Keys and values of the positions already seen; made by {@link Mllm.newCache}.
 *
 * @category Checkpoints and models
 */
export interface Cache {
  /** Positions already in the cache. */
  readonly length: number;
  /**
   * Forgets what is behind the first `length` positions: a forward continues there as if it had never been seen. 0 makes
   * the cache as new. In families whose positions are no plain count (Qwen's) else only text behind the last picture
   * can be forgotten. Families whose layers keep a state of fixed size (qwen3_5) go back to the lengths that
   * {@link rewindable} gives alone.
   *
   * @throws RocError USAGE where `length` is no whole number from 0 to the cache's, or cuts off a picture where that
   *   cannot be, or is no length that was kept
   */
  rewind(length: number): void;
  /**
   * Only in families whose layers keep a state of fixed size (qwen3_5): the largest length up to `length` that {@link rewind}
   * takes. Kept are the end of the last picture, and the ends of the last two forwards of several tokens.
   */
  rewindable?(length: number): number;
  /** Positions that it has room for; undefined: it grows. */
  readonly capacity?: number | undefined;
  /** With a capacity: room for more positions. What was recorded of steps before is void. */
  reserve?(capacity: number): void;
  /**
   * With a capacity: runs `run`, which computes a forward of one token with this cache, or replays what was recorded of one,
   * and counts it.
   *
   * @throws RocError USAGE where there is no room
   */
  step?<T>(run: () => T): T;
  /** Frees its tensors. Twice is harmless. */
  dispose(): void;
  /** {@link dispose} at the end of a `using` block. */
  [Symbol.dispose](): void;
}

/**
 * A multimodal language model with its weights; what every family implements.
 *
 * Every method except `dispose` runs inside the caller's `torch.scope()`, which frees what it returns. In the shapes B is
 * the batch, T the tokens of a sequence, D = {@link hiddenSize}.
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, loadMllm, torch } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm(DEMO_MODEL);
 * torch.scope(() => {
 *   const ids = processor.tokenizer.encode("a good picture");
 *   const hidden = model.forward({ inputIds: torch.tensor([ids], { dtype: "int64" }) });
 *   const logits = model.logits(hidden);
 *   console.log(logits.shape.length, logits.size(-1) === model.vocabSize); // 3 true
 * });
 * model.dispose();
 * ```
 *
 * @category Checkpoints and models
 */
export interface Mllm {
  /** `model_type` of the checkpoint: "llava", ... */
  readonly family: string;
  /** The checkpoint's own `config.json`, as read (and as written back). */
  readonly config: Record<string, unknown>;
  /** Text of the checkpoint's own `generation_config.json`, which the registry reads; written back as it is. */
  generationConfig?: string;
  /** Rows of the output matrix: at least as many as the tokenizer has ids. */
  readonly vocabSize: number;
  /** Width D of the language model's hidden states. */
  readonly hiddenSize: number;
  /** Tokens of a sequence at most, its pictures' among them, as the checkpoint says; undefined where it does not. */
  readonly maxPositions?: number | undefined;
  /** Whether it also computes longer ones, with positions that stretch ("dynamic" rope); default: not. */
  readonly stretches?: boolean;
  /** Ids that stand for a row of a picture among token ids. */
  readonly placeholderIds: readonly number[];
  /** Of the weights, and of what the model computes. */
  readonly dtype: DType;
  /** Where the weights are: "cpu", "cuda:0", ... */
  readonly device: string;

  /**
   * Hidden states after the final norm: `[B, T, D]`, or with the input's `rows` those, in that order, `[rows.length, D]`.
   *
   * One function for prefill and step: with a cache, `inputIds` are the new positions only, and the cache grows by them.
   *
   * @throws RocError USAGE where the cache is not one of this model's, or pictures and placeholders disagree in number;
   *   TORCH where a shape does not fit
   */
  forward(input: MllmInput, cache?: Cache): Tensor;

  /**
   * Logits of hidden states, `[..., D] -> [..., vocabSize]`, or with `rows` only those vocabulary rows in that order,
   * `[..., rows.length]`. Kept apart from {@link forward} so that logits are computed only where needed.
   */
  logits(hidden: Tensor, rows?: readonly number[]): Tensor;

  /**
   * The images as the language model sees them: the rows of all images in order, `[rows, D]`. In families whose images also
   * reach later layers (qwen3_vl) a row goes on with what is added behind the first layer, the second, ...: `[rows, k * D]`.
   */
  imageFeatures(images: ImageBatch): Tensor;

  /** Only in families whose positions are no plain count (Qwen's): position ids of an input, `[3, B, T]` int64. */
  positionIds?(input: MllmInput): Tensor;

  /**
   * Only in families whose prompts may hold one placeholder per image (mplug_owl2's -200): the ids with one per visual
   * row.
   */
  expandPlaceholders?(ids: readonly number[]): number[];

  /** An empty cache, which the caller disposes. Families may leave a capacity aside: {@link Cache.capacity} tells. */
  newCache(options?: CacheOptions): Cache;

  /** Every parameter by its name in the public checkpoint layout; the tensors stay the model's. */
  parameters(): Map<string, Tensor>;

  /** The public name of a parameter that another layout of the family calls `name`. */
  parameterName?(name: string): string;

  /** What Python transformers 5 calls a parameter in memory, as peft's adapter files do; default: the public name. */
  transformersName?(name: string): string;

  /**
   * Gives rows to new tokens: grows both matrices (one, where they are tied) if `ids` are beyond them and writes the
   * mean of rows `[0, realRows)` into each, so that an untrained new token is an average token. Updates `config`.
   *
   * @param ids consecutive ids of the new tokens
   * @param realRows rows of tokens that exist; those behind are padding
   */
  growVocabulary(ids: readonly number[], realRows: number): void;

  /** Frees the weights. Twice is harmless. */
  dispose(): void;
  /** {@link dispose} at the end of a `using` block. */
  [Symbol.dispose](): void;
}

/**
 * Pictures to pixels, as the checkpoint's own files say: in transformers' order, with the same numbers.
 *
 * @category Checkpoints and models
 */
export interface ImageInputs {
  /** Decoded pictures to {@link ImageBatch}; tensors belong to the caller's scope. */
  images(images: readonly RgbImage[]): ImageBatch;
  /** The picture after resize, pad and crop, before normalising. */
  pixels(picture: RgbImage | StoredImage): RgbImage;
  /** {@link pixels}, computed off the thread. The picture must not be changed until then. */
  prepare(picture: RgbImage | StoredImage): Promise<RgbImage>;
  /** What {@link prepare} does, as plain data: a thread without libtorch does it by the `prepareBy()` of the family's facts. */
  readonly steps?: unknown;
  /**
   * What {@link pixels} or {@link prepare} gave to {@link ImageBatch}, of which only the values are left to look up.
   *
   * @throws RocError USAGE for a picture of a size that they do not give
   */
  batch(prepared: readonly RgbImage[]): ImageBatch;
}

/**
 * What a prompt has beside its question.
 *
 * @category Checkpoints and models
 */
export interface PromptOptions {
  /** System text in the place of the conversation's own. Families without one leave it aside. */
  readonly system?: string | undefined;
}

/**
 * Pixels and text to model inputs, as the checkpoint's own files say.
 *
 * @category Checkpoints and models
 */
export interface MllmProcessor extends ImageInputs {
  /** The checkpoint's own, with the score tokens where it has them. */
  readonly tokenizer: Tokenizer;
  /**
   * Token ids of a prompt up to and including the cue for the assistant's answer, image placeholders expanded.
   *
   * @param text the question, with `<image>` once per image
   * @param images the batch that the placeholders represent (families with a variable number of rows need its grid)
   * @param options what the prompt has beside the question
   * @throws RocError USAGE where placeholders and images disagree in number
   */
  prompt(text: string, images?: ImageBatch, options?: PromptOptions): number[];
  /** Token ids of an assistant's answer as it follows {@link prompt}, without the end token. */
  answer(text: string): number[];
  /** The token that ends an answer. */
  readonly endTokenId: number;
  /**
   * Writes tokenizer and processor files into a checkpoint folder, as Python's transformers reads them.
   *
   * @throws RocError FILE_UNWRITABLE
   */
  save(folder: string): Promise<void>;
}

/**
 * How {@link loadMllm} loads weights.
 *
 * @category Checkpoints and models
 */
export interface LoadOptions {
  /** Of all parameters; default: float32 on the CPU, the file's own elsewhere. */
  readonly dtype?: DType | undefined;
  /** "cpu" (default), "cuda", "cuda:1", ... */
  readonly device?: Device | undefined;
  /**
   * Folder of the vision tower, for checkpoints that keep it elsewhere (the original LLaVA's `mm_vision_tower`).
   * Default: the folder that the config names, in the checkpoint's or beside it.
   */
  readonly visionTower?: string | undefined;
  /** Folder of the base model, for folders of adapters; default: what their adapter_config.json names. */
  readonly base?: string | undefined;
  /**
   * The model's outline: names, shapes and dtypes of its parameters, checked against the files' headers, with placeholders
   * for the weights, of which nothing is read. Default false.
   */
  readonly outline?: boolean | undefined;
  /**
   * "int8": the weights of the linear maps in 8 bits, with a scale per output, rounded as they are read; embeddings, head, norms
   * and biases stay in `dtype`, whose default is bfloat16 then. Default: as the checkpoint's files are.
   */
  readonly quantize?: Quantization | undefined;
}

/**
 * In what the weights of linear maps can be, beside floating-point numbers.
 *
 * @category Checkpoints and models
 */
export type Quantization = "int8";

/** {@link LoadOptions} as a family gets them. */
export interface FamilyLoadOptions extends Omit<LoadOptions, "quantize"> {
  /** For `strictSource`, which does all of it. */
  readonly quantize?: QuantizePlan | undefined;
}

/**
 * How {@link loadMllm} loads what makes inputs of pictures and text.
 *
 * @category Checkpoints and models
 */
export interface ProcessorOptions {
  /** As in {@link LoadOptions}. */
  readonly base?: string | undefined;
  /** How a picture that is not square gets into a square; default: as the checkpoint's files say. */
  readonly resize?: ResizeMode | undefined;
  /**
   * How prompts are framed; default: as the checkpoint's files say. mplug_owl2: "mplug_owl2", "v1" or "q_align"; llava in
   * the original layout: "llava_v1" or "v1".
   */
  readonly conversation?: string | undefined;
  /** Folder of the vision tower, as in {@link LoadOptions}: its image processor counts where the checkpoint has none. */
  readonly visionTower?: string | undefined;
  /**
   * Tiles of a picture at most, its thumbnail aside, in families that cut pictures into tiles (internvl); 1: every picture is
   * squashed into one tile. Default: as the checkpoint's files say. The others do not look at it.
   */
  readonly maxTiles?: number | undefined;
}

/** The parts of a model, as people speak of them: the vision tower, what leads from it to the language model, the rest. */
export const MODEL_PARTS = ["vision", "projector", "language"] as const;
export type ModelPart = (typeof MODEL_PARTS)[number];

/** What a family says of parameters by their public names alone; a suffix (`.lora_A.weight`, `[3:5]`) changes nothing. */
export interface ParameterNames {
  readonly partOf: (parameter: string) => ModelPart;
  /** Whether it is a matrix with a row a token: the embedding, or the head. */
  readonly isVocabulary: (parameter: string) => boolean;
}

/** A vision tower that a checkpoint keeps outside of its folder. */
export interface SeparateTower {
  /** Where it is; undefined where it is not to be found, which loading then tells. */
  readonly folder: string | undefined;
  /** What to fetch from the hub where it is in no folder: `owner/name`; undefined where there is nothing to fetch. */
  readonly fetch: string | undefined;
}

/** Sizes of a small model that is made from nothing. */
export interface SmallSizes {
  /** Side in pixels of the square that a picture becomes, or of a square of as many pixels as it is shrunk to. */
  readonly imageSize: number;
  /** Side of a patch in pixels. */
  readonly patch: number;
  /** How a picture becomes a square, in families that take squares: "stretch" (default) or "pad". */
  readonly resize?: "stretch" | "pad";
  readonly visionWidth: number;
  readonly visionLayers: number;
  readonly visionHeads: number;
  readonly textWidth: number;
  readonly textLayers: number;
  readonly textHeads: number;
}

/** How a family makes small models with fresh weights (the demo, experiments). */
export interface SmallModels {
  /** Tokens that its prompts are made of, beside those of `trainTokenizer`. */
  readonly specialTokens: readonly string[];
  /** @throws RocError CONFIG_INVALID for sizes that make no model; TOKENIZER_INVALID */
  create(
    sizes: SmallSizes,
    tokenizer: Tokenizer,
    source: ParamSource,
  ): { readonly model: Mllm; readonly processor: MllmProcessor };
}

/** What a family's checkpoints are known by, from names and small files: known before libtorch is loaded. */
export interface FamilyFacts extends ParameterNames {
  /** The `model_type`s of its config.json files; the first is what its models call their `family`. */
  readonly modelTypes: readonly [string, ...string[]];
  /** `model_type`s near to its own that it does not take, with why. */
  readonly refused?: Readonly<Record<string, string>>;
  /** "square": of one size, so that `--resize` says how a picture becomes one; "any": in every shape. */
  readonly pictures: "square" | "any";
  /** Targets of adapters where nobody names any, over the names of {@link Mllm.transformersName}: see `LoraOptions`. */
  readonly loraTargets: string;
  /** Names of files that it loads beside a folder's weights, so that they are downloaded and count in its digest. */
  readonly besideWeights?: readonly string[];
  /**
   * What {@link ImageInputs.prepare} is, of its {@link ImageInputs.steps}: so that pictures are prepared where their callers are,
   * while the model is in a worker. The families that are built in have it.
   */
  prepareBy?(steps: unknown): Promise<ImageInputs["prepare"]>;
  /**
   * Only in families whose checkpoints may keep their vision tower elsewhere.
   *
   * @param given its folder, where a caller named it
   * @returns undefined for a checkpoint that holds its own
   */
  tower?(folder: OpenFolder, given?: string): Promise<SeparateTower | undefined>;
}

/**
 * A model family: how a checkpoint folder becomes a model and its inputs. What is neither here nor among its facts is the
 * same for every family. docs/add-a-family.md leads through a new one.
 */
export interface Family extends FamilyFacts {
  /** Weights and config only: the folder may lack tokenizer and image processor. */
  load(folder: OpenFolder, options: FamilyLoadOptions): Promise<Mllm>;
  /**
   * The picture side, without weights and tokenizer. Needs `preprocessor_config.json`, or none where the family has
   * defaults.
   *
   * @param config the parsed `config.json`, or that of the loaded model
   */
  loadImages(folder: OpenFolder, config: unknown, options: ProcessorOptions): Promise<ImageInputs>;
  loadProcessor(folder: OpenFolder, config: unknown, options: ProcessorOptions): Promise<MllmProcessor>;
  readonly small?: SmallModels;
  /**
   * The schemas of its `config.json`, of every layout: where weights do not fit, fields that none of them has are named.
   */
  readonly configSchemas?: readonly z.ZodType[];
}
