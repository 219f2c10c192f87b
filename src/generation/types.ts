/** What generation takes and gives. */
import type { Cache, ImageBatch } from "../models/types.js";
import type { Tensor } from "../torch/index.js";
import type { Tokenizer } from "../tokenizers/index.js";

/**
 * What one sequence begins with.
 *
 * @category Generation
 */
export interface Prompt {
  /** Token ids up to and with the cue for the answer, image placeholders expanded (`MllmProcessor.prompt()`). */
  readonly ids: readonly number[];
  /** What the repetition penalty and n-grams count as written before the answer; default: {@link ids}. */
  readonly seen?: readonly number[] | undefined;
  /** Its pictures in reading order. Used in the first step only; they stay the caller's, alive until then. */
  readonly images?: ImageBatch | undefined;
}

/**
 * How a token is drawn; each as transformers' warper of that name, in this order.
 *
 * @category Generation
 */
export interface Sampling {
  /** Divides the logits; above 0, default 1. */
  readonly temperature?: number | undefined;
  /** Only the k likeliest tokens (and those as likely as the last of them); default: all. */
  readonly topK?: number | undefined;
  /** Only the likeliest tokens whose probabilities reach this sum, 0 to 1; default 1: all. */
  readonly topP?: number | undefined;
  /**
   * Makes the draws reproducible; default: another one every time. Row r of a batch draws as a row alone would with
   * `seed + r`.
   */
  readonly seed?: number | undefined;
}

/**
 * How {@link generateStream} generates.
 *
 * @category Generation
 */
export interface GenerationOptions {
  /** New tokens at most, of each sequence, above 0; default 256. */
  readonly maxNewTokens?: number | undefined;
  /** Tokens of a sequence at most, prompt and what `cache` holds included, as `model.maxPositions`; default: any number. */
  readonly maxLength?: number | undefined;
  /** Any of these ends a sequence and is not part of it. */
  readonly stopIds?: readonly number[] | undefined;
  /** Any of these texts ends a sequence; its text ends before it. Needs `tokenizer`. (Special tokens: `stopIds`.) */
  readonly stopStrings?: readonly string[] | undefined;
  /** Never chosen. */
  readonly suppressIds?: readonly number[] | undefined;
  /** Above 0; over 1 makes tokens that occur in the prompt or the answer less likely. Default 1: none. */
  readonly repetitionPenalty?: number | undefined;
  /** No run of so many tokens occurs twice in prompt and answer, above 0; default: any may. */
  readonly noRepeatNgramSize?: number | undefined;
  /** None of {@link stopIds} is chosen before a sequence has so many new tokens, from 0; default 0. */
  readonly minNewTokens?: number | undefined;
  /** As {@link minNewTokens}, which goes before it, with the tokens of the longest prompt counted too; default 0. */
  readonly minLength?: number | undefined;
  /** Default: greedy. */
  readonly sampling?: Sampling | undefined;
  /** Fills short prompts up, and is fed to the model for sequences that have ended; default 0. */
  readonly padId?: number | undefined;
  /**
   * Of the model, with what the prompts continue: their `ids` are then those behind it alone, and what counts only prompts
   * takes their `seen`. It grows by them and by all new tokens but the last; `rewind` forgets these. Stays the caller's.
   * Default: a new one.
   */
  readonly cache?: Cache | undefined;
  /** Gives steps and sequences their text. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Ends it with RocError ABORTED; looked at before every step. */
  readonly signal?: AbortSignal | undefined;
  /** Sees every step's logits. */
  readonly onStep?: ((step: ModelStep) => void) | undefined;
}

/**
 * What the model computed in one step.
 *
 * @category Generation
 */
export interface ModelStep {
  /** 0 for the first new token. */
  readonly index: number;
  /** `[B, vocabSize]`, as the model gave them (float32 where it computes in 16 bits); alive during the call only. */
  readonly logits: Tensor;
  /** What was chosen, one per row; of no meaning for rows that have ended. */
  readonly tokenIds: readonly number[];
}

/**
 * Why a sequence ended: a stop token or string, or `maxNewTokens` or `maxLength`.
 *
 * @category Generation
 */
export type Finished = "stop" | "length";

/**
 * One sequence's part of a step.
 *
 * @category Generation
 */
export interface StepToken {
  /** The sequence: the index of its prompt. */
  readonly row: number;
  /** The chosen token; a stop token too. */
  readonly tokenId: number;
  /** What it adds to the text: whole characters, "" while one is incomplete or a stop string may have begun. */
  readonly text: string;
  /** With the last token of a sequence. */
  readonly finished?: Finished;
}

/**
 * One step of {@link generateStream}: a token of every sequence that had not ended.
 *
 * @category Generation
 */
export interface GenerationStep {
  /** 0 for the first new token. */
  readonly index: number;
  /** By row, without those that had ended. */
  readonly tokens: readonly StepToken[];
}

/**
 * What was generated for one prompt.
 *
 * @category Generation
 */
export interface GeneratedSequence {
  /** The new tokens, without the stop token; with the tokens of a stop string. */
  readonly ids: readonly number[];
  /** The stop token, where one ended it. */
  readonly stopId?: number;
  /** Without special tokens and the stop string; "" without a tokenizer. */
  readonly text: string;
  /** Why it ended. */
  readonly finished: Finished;
}
