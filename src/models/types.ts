/**
 * What every model family offers to the method (`roc/`), to training and to scoring.
 *
 * A family is a folder beside this file. `roc/` sees only this interface: a new family needs no edit there.
 */
import type { Device, DType, Tensor } from "../torch/index.js";
import type { ResizeMode, RgbImage } from "../image/index.js";
import type { Tokenizer } from "../tokenizers/types.js";

/**
 * Stands for a visual row among token ids (before expansion: for an image) where no token of the vocabulary does: in
 * mPLUG-Owl2 and in the original LLaVA code, as both have it.
 */
export const IMAGE_ID = -200;

/** What the vision part takes; made by {@link ImageInputs.images}. */
export interface ImageBatch {
  /** llava, mplug_owl2: `[images, 3, H, W]` float32, normalised. qwen2_vl: `[patches of all images, values a patch]`. */
  readonly pixelValues: Tensor;
  /** qwen2_vl only: per image (or video) `[t, h, w]` in unmerged patches. */
  readonly imageGridThw?: readonly (readonly [number, number, number])[];
}

/** One forward's input. */
export interface MllmInput {
  /** `[batch, T]` int64; image placeholders are already expanded (one id a visual row; mplug_owl2: -200). */
  readonly inputIds: Tensor;
  /** `[batch, T]` int64, 1 = real, 0 = padding. Absent: everything is real. */
  readonly attentionMask?: Tensor;
  /** Of all sequences, in reading order. Absent: text only, or the images are already in the cache. */
  readonly images?: ImageBatch;
  /** Flat positions `b * T + t` whose hidden states are wanted: the last layer computes no others. Absent: all. */
  readonly rows?: readonly number[] | undefined;
}

/** Keys and values of the positions already seen; made by {@link Mllm.newCache}. */
export interface Cache {
  /** Positions already in the cache. */
  readonly length: number;
  /** Frees its tensors. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** A multimodal language model with its weights. Every method but `dispose` runs inside the caller's `scope()`. */
export interface Mllm {
  /** `model_type` of the checkpoint: "llava", ... */
  readonly family: string;
  /** The checkpoint's own `config.json`, as read (and as written back). */
  readonly config: Record<string, unknown>;
  /** Text of the checkpoint's own `generation_config.json`, which the registry reads; written back as it is. */
  generationConfig?: string;
  /** Rows of the output matrix. */
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly dtype: DType;
  readonly device: string;

  /**
   * Hidden states after the final norm: `[batch, T, hiddenSize]`, or with the input's `rows` those, in that order,
   * `[rows.length, hiddenSize]`.
   *
   * One function for prefill and step: with a cache, `inputIds` are the new positions only.
   */
  forward(input: MllmInput, cache?: Cache): Tensor;

  /**
   * Logits of hidden states, `[..., hiddenSize] -> [..., vocabSize]`, or with `rows` only those vocabulary rows
   * in that order, `[..., rows.length]`. Kept apart from {@link forward} so that logits are computed only where needed.
   */
  logits(hidden: Tensor, rows?: readonly number[]): Tensor;

  /** The images as the language model sees them: the rows of all images in order, `[rows, hiddenSize]`. */
  imageFeatures(images: ImageBatch): Tensor;

  /** Only in families whose positions are no plain count (qwen2_vl): those of an input, `[3, batch, T]` int64. */
  positionIds?(input: MllmInput): Tensor;

  /**
   * Only in families whose prompts may hold one placeholder an image (mplug_owl2's -200): the ids with one a visual row.
   */
  expandPlaceholders?(ids: readonly number[]): number[];

  /** An empty cache. */
  newCache(): Cache;

  /** Every parameter by its name in the public checkpoint layout. */
  parameters(): Map<string, Tensor>;

  /** The public name of a parameter that another layout of the family calls `name`. */
  parameterName?(name: string): string;

  /** What Python transformers 5 calls a parameter in memory, as peft's adapter files do; default: the public name. */
  transformersName?(name: string): string;

  /**
   * Gives rows to new tokens: grows both matrices (one, where they are tied) if `ids` lie beyond them and writes the
   * mean of rows `[0, realRows)` into each, so that an untrained new token is an average token. Updates `config`.
   */
  growVocabulary(ids: readonly number[], realRows: number): void;

  dispose(): void;
  [Symbol.dispose](): void;
}

/** One turn of a conversation; `<image>` stands where an image goes. */
export interface Turn {
  readonly role: "user" | "assistant";
  readonly text: string;
}

/** Pictures to pixels, as the checkpoint's own files say. */
export interface ImageInputs {
  /** Images to {@link ImageBatch}; tensors belong to the caller's scope. */
  images(images: readonly RgbImage[]): ImageBatch;
  /** The picture after resize, pad and crop, before normalising. */
  pixels(image: RgbImage): RgbImage;
}

/** Pixels and text to model inputs, as the checkpoint's own files say. */
export interface MllmProcessor extends ImageInputs {
  readonly tokenizer: Tokenizer;
  /**
   * Token ids of a prompt up to and including the cue for the assistant's answer. `text` holds `<image>` once an image.
   * @param images the batch that the placeholders stand for (families with a variable number of rows need its grid)
   */
  prompt(text: string, images?: ImageBatch): number[];
  /** Token ids of an assistant's answer as it follows {@link prompt}, without the end token. */
  answer(text: string): number[];
  /** The token that ends an answer. */
  readonly endTokenId: number;
  /** Writes tokenizer and processor files into a checkpoint folder. */
  save(folder: string): Promise<void>;
}

export interface LoadOptions {
  /** Of all parameters; default: float32 on the CPU, the file's own elsewhere. */
  readonly dtype?: DType | undefined;
  /** Default "cpu". */
  readonly device?: Device | undefined;
  /**
   * Folder of the vision tower, for checkpoints that keep it elsewhere (the original LLaVA's `mm_vision_tower`).
   * Default: the folder that the config names, in the checkpoint's or beside it.
   */
  readonly visionTower?: string | undefined;
  /** Folder of the base model, for folders of adapters; default: what their adapter_config.json names. */
  readonly base?: string | undefined;
}

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
}

/** A model family: how a checkpoint folder becomes a model and its inputs. */
export interface Family {
  /** Weights and config only: the folder may lack tokenizer and image processor. */
  load(folder: string, options: LoadOptions): Promise<Mllm>;
  /** Needs `preprocessor_config.json`, or none where the family has defaults. @param config the parsed `config.json` */
  loadImages(folder: string, config: unknown, options: ProcessorOptions): Promise<ImageInputs>;
  loadProcessor(folder: string, config: unknown, options: ProcessorOptions): Promise<MllmProcessor>;
  /**
   * Where the family's checkpoints without score tokens are known to score by level words (Q-Align and its relatives):
   * the conversation that they were trained on.
   */
  readonly levelConversation?: string;
}
