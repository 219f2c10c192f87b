/**
 * Scores read where one of a few texts must occur: the distribution over their first tokens, or over the whole of them
 * where these are alike. The likeliest one is put into the text before the next score is read, as greedy decoding would.
 */
import { RocError } from "../../errors.js";
import { checkFinite } from "../../generation/index.js";
import type { Cache, ImageBatch } from "../../models/types.js";
import { inferenceMode, scope } from "../../torch/index.js";
import { idTensor } from "../ids.js";
import { splitImages } from "../images.js";
import { readScore, type ScoreReading } from "../reading.js";
import type { AnswerReading, StrategyParts } from "../strategy.js";
import { fillSlots, scoreNames } from "../template.js";

/** Texts that may express a score, and the score that each one expresses. */
export interface Candidates {
  readonly texts: readonly string[];
  readonly values: readonly number[];
}

/**
 * One reading a placeholder of the canonical answer, for every image.
 *
 * @throws RocError TOKENIZER_INVALID where two candidates have the same tokens; SCORE_NOT_FINITE where the logits are NaN or
 *   infinite
 */
export function readByCandidates(parts: StrategyParts, images: ImageBatch, candidates: Candidates): AnswerReading[] {
  return inferenceMode(() =>
    scope(() => splitImages(images).map((image) => readOne(parts, image, new Slots(parts, candidates), candidates))),
  );
}

function readOne(parts: StrategyParts, image: ImageBatch, slots: Slots, { texts, values }: Candidates): AnswerReading {
  const [prompt = "", answer = ""] = [parts.templates.prompts[0], parts.templates.answers[0]];
  const promptIds = parts.processor.prompt(prompt, image);
  using cache = parts.model.newCache();
  const [scores, chosen]: [ScoreReading[], string[]] = [[], []];
  for (const _ of scoreNames(answer)) {
    const { before, tails } = slots.at(chosen);
    const stem = [...promptIds, ...before];
    const classes = tails.map(([id = -1]) => id);
    const apart = new Set(classes).size === classes.length;
    const logits = apart ? step(parts, cache, stem, image, classes) : likelihoods(parts, stem, image, tails);
    checkFinite(logits, parts.model);
    const reading = readScore(logits, { values });
    scores.push(reading);
    chosen.push(texts[argmax(logits)] ?? "");
  }
  return { scores, text: fillSlots(answer, chosen) };
}

/** The logits of `classes` behind `ids`, of which the cache holds the first ones. */
function step(
  { model }: StrategyParts,
  cache: Cache,
  ids: readonly number[],
  image: ImageBatch,
  classes: readonly number[],
): number[] {
  return scope(() => {
    const fresh = ids.slice(cache.length);
    const inputIds = idTensor(fresh, "cpu", [1, fresh.length]);
    const input = { inputIds, rows: [fresh.length - 1], ...(cache.length === 0 && { images: image }) };
    return model.logits(model.forward(input, cache), classes).toNumbers();
  });
}

/**
 * Log-likelihoods of whole candidates, where the first token does not tell them apart (a small vocabulary splits words):
 * one forward each. Where it does, these differ from its logits by a constant only.
 */
function likelihoods(
  { model }: StrategyParts,
  stem: readonly number[],
  images: ImageBatch,
  tails: readonly (readonly number[])[],
): number[] {
  return tails.map((tail) =>
    scope(() => {
      const ids = [...stem, ...tail.slice(0, -1)];
      const rows = tail.map((_, i) => stem.length - 1 + i);
      const hidden = model.forward({ inputIds: idTensor(ids, "cpu", [1, ids.length]), images, rows });
      const logits = model.logits(hidden).to("float32").logSoftmax(-1);
      const chosen = logits.gather(1, idTensor(tail, model.device, [tail.length, 1]));
      return chosen.sum().item();
    }),
  );
}

/** Where the next score is, and what the candidates' tokens there are. */
class Slots {
  constructor(
    private readonly parts: StrategyParts,
    private readonly candidates: Candidates,
  ) {}

  /** @param chosen the texts of the scores before */
  at(chosen: readonly string[]): { before: readonly number[]; tails: readonly (readonly number[])[] } {
    const [answer = ""] = this.parts.templates.answers;
    const rest = new Array<string>(scoreNames(answer).length).fill(this.candidates.texts[0] ?? "");
    const whole = this.candidates.texts.map((text) =>
      this.parts.processor.answer(fillSlots(answer, [...chosen, text, ...rest])),
    );
    const start = commonLength(whole);
    const behind = whole.map((ids) => ids.slice(start));
    const end = commonLength(behind.map((ids) => [...ids].reverse()));
    // What follows the candidate says nothing about it, but each needs a token of its own.
    const tails = behind.map((ids) => ids.slice(0, Math.max(1, ids.length - end)));
    if (new Set(tails.map((ids) => ids.join())).size < tails.length) {
      const texts = this.candidates.texts.join(", ");
      const remedy = "Take the tokenizer's files from the checkpoint, or other level words.";
      throw new RocError("TOKENIZER_INVALID", `The tokenizer does not tell ${texts} apart. ${remedy}`);
    }
    return { before: whole[0]?.slice(0, start) ?? [], tails };
  }
}

/** Tokens that all lists begin with. */
function commonLength([first = [], ...others]: readonly (readonly number[])[]): number {
  const length = first.findIndex((id, index) => others.some((ids) => ids[index] !== id));
  return length < 0 ? first.length : length;
}

function argmax(values: readonly number[]): number {
  return values.reduce((best, value, index) => (value > (values[best] as number) ? index : best), 0);
}
