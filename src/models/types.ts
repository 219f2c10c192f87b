/**
 * What every model family offers to the method (`roc/`), to training and to scoring.
 *
 * A family is a folder beside this file. `roc/` sees only this interface: a new family needs no edit there.
 */
import type { DType, Tensor } from "../torch/index.js";
import type { RgbImage } from "../image/types.js";
import type { Tokenizer } from "../tokenizers/types.js";

/** What the vision part takes; made by {@link MllmProcessor.images}. */
export interface ImageBatch {
  /** llava: `[images, 3, H, W]` float32, normalised. Other families: their own layout. */
  readonly pixelValues: Tensor;
  /** qwen2_vl only: per image `[t, h, w]` in unmerged patches. */
  readonly imageGridThw?: readonly (readonly [number, number, number])[];
}

/** One forward's input. */
export interface MllmInput {
  /** `[batch, T]` int64; image placeholders are already expanded (one id a visual row). */
  readonly inputIds: Tensor;
  /** `[batch, T]` int64, 1 = real, 0 = padding. Absent: everything is real. */
  readonly attentionMask?: Tensor;
  /** Absent: text only, or the images are already in the cache. */
  readonly images?: ImageBatch;
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
  /** Rows of the output matrix. */
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly dtype: DType;
  readonly device: string;

  /**
   * Hidden states after the final norm, `[batch, T, hiddenSize]`.
   *
   * One function for prefill and step: with a cache, `inputIds` are the new positions only.
   */
  forward(input: MllmInput, cache?: Cache): Tensor;

  /**
   * Logits of hidden states, `[..., hiddenSize] -> [..., vocabSize]`, or with `rows` only those vocabulary rows
   * in that order, `[..., rows.length]`. Kept apart from {@link forward} so that logits are computed only where needed.
   */
  logits(hidden: Tensor, rows?: readonly number[]): Tensor;

  /** An empty cache for `batch` sequences. */
  newCache(): Cache;

  /** Every parameter by its name in the public checkpoint layout. */
  parameters(): Map<string, Tensor>;

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

/** Pixels and text to model inputs, as the checkpoint's own files say. */
export interface MllmProcessor {
  readonly tokenizer: Tokenizer;
  /** Images to {@link ImageBatch}; tensors belong to the caller's scope. */
  images(images: readonly RgbImage[]): ImageBatch;
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
