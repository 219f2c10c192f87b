/** Which of the scored photos are printed, written and copied, and in which order. */
import { InvalidArgumentError } from "commander";
import type { ScoreFailure, ScoreResult } from "../../engine/index.js";
import { isFailure } from "../shared/json.js";
import { number, whole } from "../shared/numbers.js";

/** A result with its place among the others, where that was asked. */
export type Ranked = RankedResult | ScoreFailure;
export type RankedResult = ScoreResult & {
  readonly percentile?: number;
  readonly explained?: Explained;
  /** What a taste says, on the same scale: then the order goes by it. */
  readonly taste?: { readonly name: string; readonly score: number };
};

/** By which photos are ordered and chosen. */
export function decisiveScore({ score, taste }: RankedResult): number {
  return taste?.score ?? score;
}

/** The files of a photo's map. */
export interface Explained {
  /** The photo with the map over it. */
  readonly picture: string;
  /** The map itself, as JSON. */
  readonly map: string;
}

/** So many, or that share of all that have a score, in percent. */
export type Top = { readonly count: number } | { readonly percent: number };

export interface SelectionFlags {
  readonly sort?: true;
  readonly top?: Top;
  readonly min?: number;
  readonly percentile?: true;
  /** Folder for maps, which results name. */
  readonly explain?: string;
  /** File of the library among whose scores the percentile is. */
  readonly library?: string;
}

/** `12`, or `10%`. @throws InvalidArgumentError */
export function parseTop(text: string): Top {
  const share = /^(.*)%$/.exec(text.trim())?.[1];
  if (share === undefined) return { count: whole(1)(text) };
  const percent = number(0, 100)(share);
  if (percent > 0) return { percent };
  throw new InvalidArgumentError("Give more than 0%.");
}

/** Whether all photos have to be scored before the first can be printed. */
export function isForAll({ sort, top, percentile, explain }: SelectionFlags): boolean {
  return sort === true || top !== undefined || percentile === true || explain !== undefined;
}

/** Whether a photo has the least score that is asked; failures are always reported. */
export function passes(result: Ranked, { min = -Infinity }: SelectionFlags): boolean {
  return isFailure(result) || decisiveScore(result) >= min;
}

/** Best first, failures last; equals stay in the order of the input. */
export function byScore(a: Ranked, b: Ranked): number {
  if (isFailure(a) || isFailure(b)) return Number(isFailure(a)) - Number(isFailure(b));
  return decisiveScore(b) - decisiveScore(a);
}

/** Those that were asked for. With `top`, the best first; failures are among them always. */
export function select(results: readonly Ranked[], flags: SelectionFlags): Ranked[] {
  const { sort, top } = flags;
  if (sort !== true && top === undefined) return results.filter((result) => passes(result, flags));
  const sorted = results.toSorted(byScore);
  const scored = sorted.filter((result) => !isFailure(result));
  const failures = sorted.filter(isFailure);
  const most = top === undefined ? scored.length : "count" in top ? top.count : share(scored.length, top.percent);
  return [...scored.slice(0, most).filter((result) => passes(result, flags)), ...failures];
}

/** At least one, and the whole of a part: 10% of 15 photos are 2. */
function share(count: number, percent: number): number {
  return Math.ceil((count * percent) / 100 - 1e-9);
}
