/**
 * Scores read where one of a few texts must stand: the distribution over their first tokens. The likeliest one is put
 * into the text before the next score is read, as greedy decoding would.
 */
import { RocError } from "../../errors.js";
import type { Cache, ImageBatch } from "../../models/types.js";
import { inferenceMode, scope } from "../../torch/index.js";
import { idTensor } from "../ids.js";
import { splitImages } from "../images.js";
import { readScore, type ScoreReading } from "../reading.js";
import type { AnswerReading, StrategyParts } from "../strategy.js";
import { fillSlots, scoreNames } from "../template.js";

/** Texts that may stand for a score, and the score that each one stands for. */
export interface Candidates {
  readonly texts: readonly string[];
  readonly values: readonly number[];
}

/**
 * One reading a placeholder of the canonical answer, for every image.
 *
 * @throws RocError TOKENIZER_INVALID where two candidates begin with the same token
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
    const { before, classes } = slots.at(chosen);
    const logits = step(parts, cache, [...promptIds, ...before], image, classes);
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
    const inputIds = idTensor(fresh, model.device, [1, fresh.length]);
    const hidden = model.forward({ inputIds, ...(cache.length === 0 && { images: image }) }, cache);
    return model.logits(hidden.select(1, -1), classes).toNumbers();
  });
}

/** Where the next score stands, and the tokens that tell the candidates apart there. */
class Slots {
  constructor(
    private readonly parts: StrategyParts,
    private readonly candidates: Candidates,
  ) {}

  /** @param chosen the texts of the scores before */
  at(chosen: readonly string[]): { before: readonly number[]; classes: readonly number[] } {
    const [answer = ""] = this.parts.templates.answers;
    const rest = new Array<string>(scoreNames(answer).length).fill(this.candidates.texts[0] ?? "");
    const whole = this.candidates.texts.map((text) =>
      this.parts.processor.answer(fillSlots(answer, [...chosen, text, ...rest])),
    );
    const [first = []] = whole;
    const length = first.findIndex((id, index) => whole.some((ids) => ids[index] !== id));
    const classes = whole.map((ids) => ids[length] ?? -1);
    if (length < 0 || new Set(classes).size < classes.length) {
      const texts = this.candidates.texts.join(", ");
      throw new RocError("TOKENIZER_INVALID", `Two of ${texts} begin with the same token: they cannot be told apart.`);
    }
    return { before: first.slice(0, length), classes };
  }
}

function argmax(values: readonly number[]): number {
  return values.reduce((best, value, index) => (value > (values[best] as number) ? index : best), 0);
}
