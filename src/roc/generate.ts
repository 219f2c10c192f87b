/**
 * Greedy generation that writes scores: where T_p wins, the score is read from that step's logits, its number is put
 * into the text, T_p (not digits) is fed back, and generation goes on.
 */
import { RocError } from "../errors.js";
import type { Cache, ImageBatch, MllmProcessor } from "../models/types.js";
import { inferenceMode, scope } from "../torch/index.js";
import { idTensor } from "./ids.js";
import type { ScoringParts } from "./prefill.js";
import { readScore, type ScoreReading } from "./reading.js";

export interface GenerateOptions {
  /** The question, with `<image>`; default: the checkpoint's canonical prompt. */
  readonly prompt?: string;
  /** Tokens at most (default 256). */
  readonly maxTokens?: number;
  /** Decimals of the numbers in the text (default 2); the readings are not rounded. */
  readonly decimals?: number;
  /** Looked at before every token. */
  readonly signal?: AbortSignal;
}

/** One token. */
export interface GenerationStep {
  readonly tokenId: number;
  /** What it adds to the text: the number for T_p, "" while a character is incomplete. */
  readonly text: string;
  /** For T_p only. */
  readonly score?: ScoreReading;
}

export interface Generation {
  /** The answer with numbers in place. */
  readonly text: string;
  /** Its tokens, T_p among them, without the end token. */
  readonly tokenIds: readonly number[];
  /** In reading order. */
  readonly scores: readonly ScoreReading[];
  /** Whether the model ended the answer or `maxTokens` did. */
  readonly finished: "end" | "length";
}

/**
 * Yields the answer to a prompt about `images` token by token and returns the whole of it.
 *
 * A step computes on this thread: give the event loop a turn between steps where others need it. Score tokens T_s
 * never stand in text, so they are left out when the next token is chosen. The tensors of `images` are used in the
 * first step and stay the caller's.
 *
 * @throws RocError ABORTED where the signal fired
 */
export function* generate(
  parts: ScoringParts,
  images: ImageBatch,
  options: GenerateOptions = {},
): Generator<GenerationStep, Generation, void> {
  const { model, processor, templates } = parts;
  const { prompt = templates.prompts[0] ?? "", maxTokens = 256, decimals = 2, signal } = options;
  using cache = model.newCache();
  const text = new AnswerText(processor.tokenizer);
  const tokenIds: number[] = [];
  const scores: ScoreReading[] = [];
  let input = processor.prompt(prompt, images);
  while (tokenIds.length < maxTokens) {
    if (signal?.aborted) throw new RocError("ABORTED", "Generation was cancelled", { cause: signal.reason });
    const { tokenId, score } = nextToken(parts, cache, input, tokenIds.length === 0 ? images : undefined);
    if (tokenId === processor.endTokenId) return { text: text.end(), tokenIds, scores, finished: "end" };
    tokenIds.push(tokenId);
    if (score) scores.push(score);
    yield score
      ? { tokenId, text: text.insert(score.value.toFixed(decimals)), score }
      : { tokenId, text: text.push(tokenId) };
    input = [tokenId];
  }
  return { text: text.end(), tokenIds, scores, finished: "length" };
}

/** One forward over new positions, and the greedy choice at the last of them. */
function nextToken(
  { model, vocabulary }: ScoringParts,
  cache: Cache,
  input: readonly number[],
  images: ImageBatch | undefined,
): { tokenId: number; score: ScoreReading | undefined } {
  const { positionId, scoreIds } = vocabulary;
  return inferenceMode(() =>
    scope(() => {
      const inputIds = idTensor(input, model.device, [1, input.length]);
      const hidden = model.forward({ inputIds, ...(images && { images }) }, cache);
      const logits = model.logits(hidden.select(1, -1)).squeeze(0);
      const scoreLogits = logits.narrow(0, scoreIds[0] ?? 0, scoreIds.length);
      const numbers = scoreLogits.toNumbers();
      scoreLogits.fill_(-Infinity);
      const tokenId = logits.argmax().item();
      return { tokenId, score: tokenId === positionId ? readScore(numbers, vocabulary) : undefined };
    }),
  );
}

/**
 * The text of tokens as they come. Decoded piece by piece between numbers, as tokenizers encode piece by piece between
 * added tokens: a LLaMA tokenizer gives each piece a space in front and takes it away again.
 */
class AnswerText {
  #done = "";
  #piece: number[] = [];
  #shown = "";

  constructor(private readonly tokenizer: MllmProcessor["tokenizer"]) {}

  /** Adds a token; returns the text that is now certain. */
  push(id: number): string {
    this.#piece.push(id);
    const text = this.#decoded();
    // The first bytes of a character of several decode to U+FFFD until the rest of it comes.
    if (text.endsWith("\uFFFD")) return "";
    const added = text.slice(this.#shown.length);
    this.#shown = text;
    return added;
  }

  /** Ends the piece and puts `number` behind it; returns both as far as not yet shown. */
  insert(number: string): string {
    const text = this.#decoded();
    const rest = text.slice(this.#shown.length);
    this.#done += text + number;
    this.#piece = [];
    this.#shown = "";
    return rest + number;
  }

  /** The whole text. */
  end(): string {
    return this.#done + this.#decoded();
  }

  #decoded(): string {
    return this.tokenizer.decode(this.#piece, { skipSpecialTokens: true });
  }
}
