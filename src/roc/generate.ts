/**
 * Generation that writes scores: where T_p wins, the score is read from that step's logits, its number is put into the
 * text, T_p (not digits) is fed back, and generation continues.
 */
import { generateSteps, greedyOptions, inTurns, type ModelStep, type Sampling } from "../generation/index.js";
import type { ImageBatch } from "../models/types.js";
import { AnswerText } from "./answer-text.js";
import type { ScoringParts } from "./prefill.js";
import { readScore, type ScoreReading } from "./reading.js";
import type { ScoreVocabulary } from "./vocabulary.js";

/**
 * How {@link generate} writes an answer.
 *
 * @category The method
 */
export interface GenerateOptions {
  /** The question, with `<image>`; default: the checkpoint's canonical prompt. */
  readonly prompt?: string;
  /** Tokens at most, above 0 (default 256). */
  readonly maxTokens?: number;
  /** Decimals of the numbers in the text (default 2); the readings are not rounded. */
  readonly decimals?: number;
  /** Default: greedy. Scores are read from the raw logits all the same. */
  readonly sampling?: Sampling;
  /**
   * Over 1 makes tokens that occur in the prompt or the answer less likely. Default: as the checkpoint's
   * generation_config.json says, whose ends, suppressed tokens, repeated runs and least lengths count too; else 1: none.
   */
  readonly repetitionPenalty?: number;
  /** Ends it with RocError ABORTED; looked at before every token. */
  readonly signal?: AbortSignal;
}

/**
 * One token of {@link generate}.
 *
 * @category The method
 */
export interface GenerationStep {
  /** The chosen token. */
  readonly tokenId: number;
  /** What it adds to the text: the number for T_p, "" while a character is incomplete. */
  readonly text: string;
  /** For T_p only: the score read from the logits of this step. */
  readonly score?: ScoreReading;
}

/**
 * A whole answer of {@link generate}.
 *
 * @category The method
 */
export interface Generation {
  /** The answer with numbers in place. */
  readonly text: string;
  /** Its tokens, T_p among them, without the end token. */
  readonly tokenIds: readonly number[];
  /** One per T_p, in reading order. */
  readonly scores: readonly ScoreReading[];
  /** Whether the model ended the answer, or `maxTokens` or the model's positions did. */
  readonly finished: "end" | "length";
}

/**
 * Yields the answer to a prompt about `images` token by token and returns the whole of it.
 *
 * A step computes on this thread: {@link generateAsync} gives others a turn. Score tokens T_s never occur in text, so
 * they are left out when the next token is chosen. The tensors of `images` are used in the first step and stay the
 * caller's.
 *
 * @param images of one picture
 * @throws RocError USAGE for options that make no sense; SCORE_NOT_FINITE where logits are NaN or infinite; ABORTED where
 *   the signal fired
 *
 * @example
 * ```ts
 * import { DEFAULT_TEMPLATES, DEMO_MODEL, decodeImage, generate, loadMllm, loadTemplates, torch } from "roc4mllm";
 * import { vocabularyFromConfig } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm(DEMO_MODEL);
 * const templates = (await loadTemplates(DEMO_MODEL)) ?? DEFAULT_TEMPLATES;
 * const vocabulary = vocabularyFromConfig(model.config);
 * if (!vocabulary) throw new Error("no score tokens");
 * const image = await decodeImage("photo.jpg");
 * torch.scope(() => {
 *   const images = processor.images([image]);
 *   for (const { text, score } of generate({ model, processor, templates, vocabulary }, images)) {
 *     process.stdout.write(score ? `[${text}]` : text);
 *   }
 * });
 * model.dispose();
 * ```
 *
 * @category The method
 */
export function* generate(
  parts: ScoringParts,
  images: ImageBatch,
  options: GenerateOptions = {},
): Generator<GenerationStep, Generation, void> {
  const { model, processor, templates, vocabulary } = parts;
  const { prompt = templates.prompts[0] ?? "", maxTokens: maxNewTokens = 256, decimals = 2, ...others } = options;
  const own = greedyOptions(model, processor);
  const text = new AnswerText(processor.tokenizer, vocabulary.positionId);
  const answer = { tokenIds: [] as number[], scores: [] as ScoreReading[] };
  let score: ScoreReading | undefined;
  const steps = generateSteps(model, [{ ids: processor.prompt(prompt, images), images }], {
    ...own,
    ...others,
    maxNewTokens,
    maxLength: model.maxPositions,
    suppressIds: [...(own.suppressIds ?? []), ...vocabulary.scoreIds],
    onStep: (step) => (score = scoreOf(step, vocabulary)),
  });
  for (const { tokens } of steps) {
    const [token] = tokens;
    if (!token) break;
    const { tokenId, finished } = token;
    if (finished === "stop") return { ...answer, text: text.end(), finished: "end" };
    answer.tokenIds.push(tokenId);
    if (score) answer.scores.push(score);
    const shown = text.push(tokenId, score?.value.toFixed(decimals), finished !== undefined);
    yield { tokenId, text: shown, ...(score && { score }) };
  }
  return { ...answer, text: text.text, finished: "length" };
}

/**
 * {@link generate} with a turn of the event loop before every token, so that timers, requests and the signal are served.
 *
 * The tensors of `images` must stay alive until the first step: make them outside of a scope and dispose them afterwards.
 *
 * @throws RocError as {@link generate}
 *
 * @category The method
 */
export function generateAsync(
  parts: ScoringParts,
  images: ImageBatch,
  options: GenerateOptions = {},
): AsyncGenerator<GenerationStep, Generation, void> {
  return inTurns(generate(parts, images, options));
}

/** The score of a step where T_p was chosen. */
function scoreOf({ logits, tokenIds }: ModelStep, vocabulary: ScoreVocabulary): ScoreReading | undefined {
  const { positionId, scoreIds } = vocabulary;
  if (tokenIds[0] !== positionId) return undefined;
  return readScore(logits.narrow(1, scoreIds[0] ?? 0, scoreIds.length).toNumbers(), vocabulary);
}
