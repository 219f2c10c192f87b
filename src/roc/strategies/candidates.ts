/**
 * Scores read where one of a few texts must occur: the distribution over their first tokens, or over the whole of them
 * where these are alike. The likeliest one is put into the text before the next score is read, as greedy decoding would.
 */
import { RocError } from "../../errors.js";
import { checkFinite } from "../../generation/index.js";
import type { ImageBatch, Mllm } from "../../models/types.js";
import { scope } from "../../torch/index.js";
import { idTensor } from "../ids.js";
import { withPictures, type Pictures } from "../pictures.js";
import { readScore, sum, type ScoreReading } from "../reading.js";
import type { AnswerReading, StrategyParts } from "../strategy.js";
import { fillSlots, scoreNames } from "../template.js";

/** Texts that may express a score, and the score that each one expresses. */
export interface Candidates {
  readonly texts: readonly string[];
  readonly values: readonly number[];
}

/**
 * One reading a placeholder of the answer, for every picture: one forward a placeholder for all of them, or one a candidate
 * where the first tokens do not tell these apart.
 *
 * @param answers one a picture; default: the canonical answer
 * @throws RocError TOKENIZER_INVALID where two candidates have the same tokens; SCORE_NOT_FINITE where the logits are NaN or
 *   infinite
 */
export function readByCandidates(
  parts: StrategyParts,
  pictures: ImageBatch | Pictures,
  candidates: Candidates,
  answers?: readonly string[],
): AnswerReading[] {
  const { model, processor, templates } = parts;
  const [prompt = "", answer = ""] = [templates.prompts[0], templates.answers[0]];
  return withPictures(model, pictures, (own) => {
    const prompts = own.prompts(processor, prompt);
    const found = prompts.map((ids, b) => new Reading(parts, ids, answers?.[b] ?? answer, candidates));
    for (const _ of scoreNames(answer)) readNext(model, own, found);
    return found.map((reading) => reading.result());
  });
}

/** Where the next score is, and what the candidates' tokens there are. */
interface Slot {
  readonly stem: readonly number[];
  readonly tails: readonly (readonly number[])[];
  /** Whether the first tokens tell the candidates apart. */
  readonly apart: boolean;
}

/** The next score of every picture. */
function readNext(model: Mllm, pictures: Pictures, found: readonly Reading[]): void {
  const slots = found.map((reading) => reading.slot());
  const byFirst = scope(() => firstLogits(model, pictures, slots));
  const byWhole = likelihoods(model, pictures, slots);
  found.forEach((reading, b) => {
    const logits = (slots[b]?.apart ? byFirst[b] : byWhole[b]) ?? [];
    checkFinite(logits, model);
    reading.take(logits);
  });
}

/** The logits of the candidates' first tokens, of the slots where these are apart. */
function firstLogits(model: Mllm, pictures: Pictures, slots: readonly Slot[]): number[][] {
  const at = ({ stem, apart }: Slot): number[] => (apart ? [stem.length - 1] : []);
  if (!slots.some(({ apart }) => apart)) return [];
  const hidden = pictures.hidden(slots.map((slot) => ({ ids: slot.stem, at: at(slot) })));
  const classes = slots.map(({ tails }) => tails.map(([id = -1]) => id));
  const [wanted = []] = classes.filter((_, b) => slots[b]?.apart);
  const alike = classes.every((ids, b) => !slots[b]?.apart || ids.join() === wanted.join());
  const together = alike ? model.logits(hidden, wanted).toNumbers() : [];
  let row = 0;
  return slots.map(({ apart }, b) => {
    if (!apart) return [];
    const index = row++;
    if (alike) return together.slice(index * wanted.length, (index + 1) * wanted.length);
    return model.logits(hidden.narrow(0, index, 1), classes[b]).toNumbers();
  });
}

/**
 * Log-likelihoods of whole candidates, of the slots where the first token does not tell them apart (a small vocabulary
 * splits words): one forward a candidate. Where it does, these differ from its logits by a constant only.
 */
function likelihoods(model: Mllm, pictures: Pictures, slots: readonly Slot[]): number[][] {
  const found = slots.map((): number[] => []);
  if (slots.every(({ apart }) => apart)) return found;
  for (const candidate of slots[0]?.tails.keys() ?? []) {
    const tails = slots.map(({ tails, apart }) => (apart ? [] : (tails[candidate] ?? [])));
    const texts = slots.map(({ stem }, b) => ({
      ids: [...stem, ...(tails[b] ?? []).slice(0, -1)],
      at: (tails[b] ?? []).map((_, i) => stem.length - 1 + i),
    }));
    const chosen = scope(() => {
      const logits = model.logits(pictures.hidden(texts)).to("float32").logSoftmax(-1);
      const ids = tails.flat();
      return logits.gather(1, idTensor(ids, model.device, [ids.length, 1])).toNumbers();
    });
    let next = 0;
    tails.forEach((tail, b) => {
      if (tail.length > 0) found[b]?.push(sum(chosen.slice(next, (next += tail.length))));
    });
  }
  return found;
}

/** One picture's answer as far as it is read. */
class Reading {
  readonly #scores: ScoreReading[] = [];
  readonly #chosen: string[] = [];
  /** Where they were read. */
  readonly #at: number[] = [];

  constructor(
    private readonly parts: StrategyParts,
    private readonly promptIds: readonly number[],
    private readonly answer: string,
    private readonly candidates: Candidates,
  ) {}

  /** The place of the next score. */
  slot(): Slot {
    const { texts } = this.candidates;
    const rest = new Array<string>(scoreNames(this.answer).length).fill(texts[0] ?? "");
    const whole = texts.map((text) =>
      this.parts.processor.answer(fillSlots(this.answer, [...this.#chosen, text, ...rest])),
    );
    const start = commonLength(whole);
    const behind = whole.map((ids) => ids.slice(start));
    const end = commonLength(behind.map((ids) => [...ids].reverse()));
    // What follows the candidate says nothing about it, but each needs a token of its own.
    const tails = behind.map((ids) => ids.slice(0, Math.max(1, ids.length - end)));
    if (new Set(tails.map((ids) => ids.join())).size < tails.length) {
      const remedy = "Take the tokenizer's files from the checkpoint, or other level words.";
      throw new RocError("TOKENIZER_INVALID", `The tokenizer does not tell ${texts.join(", ")} apart. ${remedy}`);
    }
    const stem = [...this.promptIds, ...(whole[0]?.slice(0, start) ?? [])];
    this.#at.push(stem.length - 1);
    return { stem, tails, apart: new Set(tails.map(([id]) => id)).size === tails.length };
  }

  /** @param logits of the candidates */
  take(logits: readonly number[]): void {
    this.#scores.push(readScore(logits, this.candidates));
    this.#chosen.push(this.candidates.texts[argmax(logits)] ?? "");
  }

  result(): AnswerReading {
    return { scores: this.#scores, at: this.#at, text: fillSlots(this.answer, this.#chosen) };
  }
}

/** Tokens that all lists begin with. */
export function commonLength([first = [], ...others]: readonly (readonly number[])[]): number {
  const length = first.findIndex((id, index) => others.some((ids) => ids[index] !== id));
  return length < 0 ? first.length : length;
}

export function argmax(values: readonly number[]): number {
  return values.reduce((best, value, index) => (value > (values[best] as number) ? index : best), 0);
}
