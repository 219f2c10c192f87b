/** Advice on a photo: which edits a model would score higher, and by how much for sure. */
import type { Model, ScoreResult } from "../engine/index.js";
import { RocError } from "../errors.js";
import { decodeImage, resizeAsync, type ImageInput, type RgbImage, type Size } from "../image/index.js";
import type { EditKind, Edits } from "../image/edits/index.js";
import { DEFAULT_BUDGET, LEAST_BUDGET } from "./budget.js";
import { check, LEAST_PREFERRED, meanScore, VARIATIONS, type Scores } from "./check.js";
import { renderEdits, variation, type Variation } from "./render.js";
import { searchEdits, type Found } from "./search.js";
import { ADVICE_KINDS, DEFAULT_KINDS, type Advice, type AdviseOptions, type Suggestion } from "./types.js";
import { wordsOf } from "./words.js";

/** Long edge at which edits are tried: what a model sees of a photo is smaller than that in most families. */
const SIDE = 1024;
/** Short edge below which no long photo is shrunk: models that look at a part of it, or at tiles, see it that large. */
const SHORT_SIDE = 448;
/** How much larger than a square of the long edge the copy of a long photo gets. */
const MOST_SQUARES = 2;
/** Single edits that are checked beside the best of several together. */
const CHECKED = 3;

/**
 * A photo to advise on.
 *
 * @category Scoring
 */
export interface AdvisedPhoto {
  /** What {@link Advice.file} and messages call it. */
  readonly name: string;
  /** A path, the bytes of a file, or a stream of them. */
  readonly data: ImageInput;
}

/**
 * Searches for edits that raise a photo's score, checks the gain on variations that the search has not seen, and says what helps.
 * The photo's file is only read.
 *
 * @throws RocError where the photo has no score (FILE_*, IMAGE_*, SCORE_NOT_FINITE); USAGE for options out of range; ABORTED
 *
 * @example
 * ```ts
 * import { advise, DEMO_MODEL, load } from "roc4mllm";
 *
 * using model = await load(DEMO_MODEL);
 * const { helps, suggestions } = await advise(model, "a.jpg", { edits: ["exposure", "crop"], budget: 60 });
 * console.log(typeof helps, Array.isArray(suggestions)); // boolean true
 * ```
 *
 * @category Scoring
 */
export async function advise(model: Model, photo: string | AdvisedPhoto, options: AdviseOptions = {}): Promise<Advice> {
  const { budget = DEFAULT_BUDGET, edits: kinds = DEFAULT_KINDS, side = SIDE, seed = 0, signal, maxPixels } = options;
  const { leastPreferred = LEAST_PREFERRED } = options;
  checkOptions({ budget, edits: kinds, side, leastPreferred });
  const { name, data } = typeof photo === "string" ? { name: photo, data: photo } : photo;
  const whole = await decodeImage(data, {
    name,
    ...(signal && { signal }),
    ...(maxPixels !== undefined && { maxPixels }),
  });
  const copy = await smaller(whole, side);
  const scorer = new PhotoScorer(model, name, copy, { signal, onScored: (done) => options.onProgress?.(done, budget) });
  const [original] = await scorer.score([{ edits: {} }]);
  if (!original) throw new RocError("INTERNAL", `${name} has no score.`);
  const found = await searchEdits(async (some) => scoresOf(await scorer.score(some.map((edits) => ({ edits })))), {
    kinds: ADVICE_KINDS.filter((kind) => kinds.includes(kind)),
    budget: budget - 1 - (2 + CHECKED) * VARIATIONS,
    original: original.score,
    size: whole,
  });
  const { before, suggestions } = await checked(found, original, scorer, whole, { seed, leastPreferred });
  return {
    file: name,
    score: meanScore(before),
    scale: original.scale,
    helps: suggestions.some(({ helps }) => helps),
    cause: causeOf(suggestions),
    suggestions,
    scorings: scorer.scored,
    size: { width: whole.width, height: whole.height },
    model: original.model,
  };
}

/** @param suggestions best first */
function causeOf(suggestions: readonly Suggestion[]): EditKind | null {
  const kinds = suggestions.filter(({ helps }) => helps).map(({ edits }) => Object.keys(edits) as EditKind[]);
  return kinds.find(({ length }) => length === 1)?.[0] ?? null;
}

function scoresOf(results: readonly ScoreResult[]): number[] {
  return results.map(({ score }) => score);
}

/** @throws RocError USAGE */
function checkOptions({
  budget,
  edits,
  side,
  leastPreferred,
}: Required<Pick<AdviseOptions, "budget" | "edits" | "side" | "leastPreferred">>): void {
  if (!Number.isInteger(budget) || budget < LEAST_BUDGET)
    throw new RocError("USAGE", `advise(): budget is ${budget}; give a whole number of scorings from ${LEAST_BUDGET}.`);
  if (!Number.isInteger(side) || side < 32)
    throw new RocError("USAGE", `advise(): side is ${side}; give a whole number of pixels from 32.`);
  if (!(leastPreferred >= 0.5 && leastPreferred <= 1))
    throw new RocError("USAGE", `advise(): leastPreferred is ${leastPreferred}; give a share from 0.5 to 1.`);
  const unknown = edits.find((kind) => !ADVICE_KINDS.includes(kind));
  if (edits.length > 0 && unknown === undefined) return;
  throw new RocError("USAGE", `advise(): edits are ${JSON.stringify(edits)}; give some of ${ADVICE_KINDS.join(", ")}.`);
}

/** The photo with a long edge of at most `side` pixels; a long one with more, so that enough is left of its short edge. */
async function smaller(photo: RgbImage, side: number): Promise<RgbImage> {
  const [short, long] = [photo.width, photo.height].toSorted((a, b) => a - b) as [number, number];
  const most = Math.sqrt((MOST_SQUARES * side ** 2) / (short * long));
  const share = Math.max(side / long, Math.min(most, Math.min(SHORT_SIDE, side) / short));
  if (share >= 1) return photo;
  const size: Size = {
    width: Math.max(1, Math.round(share * photo.width)),
    height: Math.max(1, Math.round(share * photo.height)),
  };
  return resizeAsync(photo, size);
}

/** What was found that seemed to gain, on new variations, beside the photo as it is. */
async function checked(
  { single, together }: Found,
  original: ScoreResult,
  scorer: PhotoScorer,
  size: Size,
  { seed, leastPreferred }: Required<Pick<AdviseOptions, "seed" | "leastPreferred">>,
): Promise<{ before: Scores; suggestions: Suggestion[] }> {
  const promising = single.filter(({ score }) => score > original.score).slice(0, CHECKED);
  const found = [...(together ? [together] : []), ...promising].map(({ edits }) => edits);
  const varied = Array.from({ length: VARIATIONS }, (_, index) => variation(seed, index));
  const all = await scorer.score([{}, ...found].flatMap((edits) => varied.map((one) => ({ edits, varied: one }))));
  const [before = [], ...after] = [{}, ...found].map((_, i) => all.slice(i * VARIATIONS, (i + 1) * VARIATIONS));
  const suggestions = found.map((edits, i) => ({
    edits,
    words: wordsOf(edits, size),
    ...check(before, after[i] ?? [], original.scale, leastPreferred),
  }));
  // Equal ones stay as the search ranked them.
  suggestions.sort((a, b) => Number(b.helps) - Number(a.helps) || b.gain.value - a.gain.value);
  return { before, suggestions };
}

/** An edited photo to score, varied or not. */
interface Request {
  readonly edits: Edits;
  readonly varied?: Variation;
}

interface ScorerOptions {
  readonly signal: AbortSignal | undefined;
  readonly onScored: (done: number) => void;
}

/** Scores edited copies of a photo. */
class PhotoScorer {
  readonly #model: Model;
  readonly #name: string;
  readonly #photo: RgbImage;
  readonly #options: ScorerOptions;
  scored = 0;

  constructor(model: Model, name: string, photo: RgbImage, options: ScorerOptions) {
    [this.#model, this.#name, this.#photo, this.#options] = [model, name, photo, options];
  }

  /** Results in the order of the requests; each copy is made when the model is ready for it. @throws RocError of the first that has no score */
  async score(requests: readonly Request[]): Promise<ScoreResult[]> {
    const { signal, onScored } = this.#options;
    const results: ScoreResult[] = [];
    for await (const result of this.#model.score(this.#pictures(requests), signal ? { signal } : {})) {
      if ("error" in result) throw new RocError(result.error.code, result.error.message);
      results.push(result);
      onScored(++this.scored);
    }
    return results;
  }

  async *#pictures(requests: readonly Request[]): AsyncGenerator<{ name: string; data: Buffer }, void, void> {
    for (const { edits, varied } of requests) {
      yield { name: this.#name, data: await renderEdits(this.#photo, edits, varied) };
    }
  }
}
