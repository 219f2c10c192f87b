/**
 * Scoring by one forward: the answer's text is known, so the prompt and the canonical answer with every T_p in place
 * go through the model at once, and only the T_s logits where a T_p is due are computed.
 *
 * It gives what {@link generate} gives wherever the model would have written that answer.
 */
import { RocError } from "../errors.js";
import { checkFinite } from "../generation/index.js";
import type { ImageBatch, Mllm, MllmProcessor } from "../models/types.js";
import { Pictures, withPictures, type PictureText } from "./pictures.js";
import { readScore, type LogitReading } from "./reading.js";
import type { StrategyParts } from "./strategy.js";
import { renderAnswer, type RocTemplates } from "./template.js";
import { tensor, type Tensor } from "../torch/index.js";
import { POSITION_TOKEN, type ScoreVocabulary } from "./vocabulary.js";

/**
 * All that scoring by the paper's method needs.
 *
 * @category The method
 */
export interface ScoringParts {
  /** The weights. */
  readonly model: Mllm;
  /** Pixels and text to the model's inputs. */
  readonly processor: MllmProcessor;
  /** Its score tokens: {@link vocabularyFromConfig}, or {@link addScoreTokens}. */
  readonly vocabulary: ScoreVocabulary;
  /** Its texts: {@link loadTemplates}, or {@link DEFAULT_TEMPLATES}. */
  readonly templates: RocTemplates;
}

/**
 * The scores of every image in a batch, `[image][T_p in reading order]`, by one forward for all of them (Eq. 5).
 *
 * The answer's text is known, so the prompt and the canonical answer with every T_p in place go through the model at once.
 * It gives what {@link generate} gives wherever the model would have written that answer.
 *
 * A sum's rounding may differ with the batch's size: where a score must not depend on its company, give one image at a
 * time. Opens its own scope; `images` stays the caller's.
 *
 * @throws RocError TOKENIZER_INVALID where the tokenizer does not give T_p the id that the config says; SCORE_NOT_FINITE
 *   where the logits are NaN or infinite
 *
 * @example
 * ```ts
 * import { DEFAULT_TEMPLATES, DEMO_MODEL, decodeImage, loadMllm, loadTemplates } from "roc4mllm";
 * import { scoreByPrefill, torch, vocabularyFromConfig } from "roc4mllm";
 *
 * const { model, processor } = await loadMllm(DEMO_MODEL);
 * const templates = (await loadTemplates(DEMO_MODEL)) ?? DEFAULT_TEMPLATES;
 * const vocabulary = vocabularyFromConfig(model.config);
 * if (!vocabulary) throw new Error("no score tokens");
 * const image = await decodeImage("photo.jpg");
 * const [[reading] = []] = torch.scope(() =>
 *   scoreByPrefill({ model, processor, vocabulary, templates }, processor.images([image])),
 * );
 * console.log(reading?.distribution.length); // 10
 * model.dispose();
 * ```
 *
 * @category The method
 */
export function scoreByPrefill(parts: ScoringParts, images: ImageBatch): LogitReading[][] {
  return readByPrefill(parts, images);
}

/** What was read of one picture. */
interface PrefillReading {
  /** In reading order. */
  readonly scores: LogitReading[];
  /** Their positions in prompt and answer. */
  readonly at: readonly number[];
}

/**
 * {@link scoreByPrefill} of pictures that may have been read before.
 *
 * @param answers one a picture; default: the canonical answer
 */
export function readByPrefill(
  parts: ScoringParts,
  pictures: ImageBatch | Pictures,
  answers?: readonly string[],
): LogitReading[][] {
  return prefill(parts, pictures, answers).map(({ scores }) => scores);
}

/** {@link readByPrefill}, with where each score was read. */
export function prefill(
  parts: ScoringParts,
  pictures: ImageBatch | Pictures,
  answers?: readonly string[],
): PrefillReading[] {
  const { model, processor, vocabulary, templates } = parts;
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  return withPictures(
    model,
    pictures,
    (own) => {
      const prompts = own.prompts(processor, prompt);
      const texts = prompts.map((ids, b) => textOf(parts, ids, answers?.[b] ?? answer));
      const logits = model.logits(own.hidden(texts), vocabulary.scoreIds);
      return readings(logits.toNumbers(), texts, parts);
    },
    { once: true },
  );
}

/**
 * The scores of every image in a batch, `[images, T_p in reading order]`, on the vocabulary's scale, as a tensor that can be
 * differentiated by the images' values (Eq. 5). In float32, or the model's float64. Inside the caller's scope.
 *
 * @throws RocError USAGE where the model has no score tokens; TOKENIZER_INVALID
 */
export function prefillScores({ strategy, ...parts }: StrategyParts, images: ImageBatch): Tensor {
  const { model, processor, templates } = parts;
  const { vocabulary } = strategy;
  if (!vocabulary)
    throw new RocError("USAGE", "The model has no score tokens, whose logits its scores are computed from.");
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  using own = new Pictures(model, images, { once: true });
  const texts = own.prompts(processor, prompt).map((ids) => textOf({ ...parts, vocabulary }, ids, answer));
  const dtype = model.dtype === "float64" ? "float64" : "float32";
  const logits = model.logits(own.hidden(texts), vocabulary.scoreIds).to(dtype);
  const values = tensor([...vocabulary.values], { dtype, device: model.device });
  return logits.softmax(-1).mul(values).sum(-1).view(own.count, -1);
}

/**
 * The text that {@link scoreByPrefill} has the model read of one picture: prompt and canonical answer, which are the same for all
 * pictures of its size. Inside the caller's scope.
 *
 * @throws RocError as {@link scoreByPrefill}
 */
export function prefillText(parts: ScoringParts, image: ImageBatch): PictureText {
  const { model, processor, templates } = parts;
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  using own = new Pictures(model, image, { once: true });
  const [ids = []] = own.prompts(processor, prompt);
  return textOf(parts, ids, answer);
}

/** Up to and without the last T_p: whatever follows cannot change a causal model's scores. */
function textOf({ processor, vocabulary }: ScoringParts, promptIds: readonly number[], answer: string): PictureText {
  const { text, scoreNames } = renderAnswer(answer);
  const answerIds = processor.answer(text);
  const before = promptIds.length - 1;
  const at = answerIds.flatMap((id, index) => (id === vocabulary.positionId ? [before + index] : []));
  const last = at.at(-1);
  if (last === undefined || at.length !== scoreNames.length) {
    const found = `"${text}" gives ${at.length} times id ${vocabulary.positionId}, not ${scoreNames.length}`;
    const remedy = `The tokenizer's files must hold ${POSITION_TOKEN} with the id that config.json calls score_id.`;
    throw new RocError("TOKENIZER_INVALID", `The canonical answer ${found}. ${remedy}`);
  }
  return { ids: [...promptIds, ...answerIds].slice(0, last + 1), at };
}

function readings(
  logits: readonly number[],
  texts: readonly PictureText[],
  { model, vocabulary }: ScoringParts,
): PrefillReading[] {
  checkFinite(logits, model);
  const n = vocabulary.scoreIds.length;
  let next = 0;
  const read = (): LogitReading => readScore(logits.slice(next * n, ++next * n), vocabulary);
  return texts.map(({ at }) => ({ at, scores: at.map(read) }));
}
