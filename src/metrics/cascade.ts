/**
 * Two judges in a row: a small one looks at everything, and the best share by it goes to a large one. What the small one leaves out
 * is lost, whatever the large one would have said.
 */
import { RocError } from "../errors.js";
import { checkPairs, type Numbers } from "./scores.js";

/**
 * How many of `count` are the best `share`, at least one where there are any.
 *
 * @param share in (0, 1]
 */
export function countOfShare(count: number, share: number): number {
  if (!(share > 0 && share <= 1)) throw new RocError("USAGE", `A share is above 0 and at most 1, not ${share}.`);
  // A tenth of 30 is 3, and not 4 for a last digit's sake.
  return Math.min(count, Math.max(0, Math.ceil(count * share - 1e-9)));
}

/** The lowest score that is among the best `share`; Infinity of no scores. */
export function thresholdOf(scores: Numbers, share: number): number {
  const sorted = Float64Array.from(scores).sort();
  return sorted[sorted.length - countOfShare(sorted.length, share)] ?? Infinity;
}

/**
 * For each score its chance to be among the `count` highest where equals are drawn by lot.
 *
 * @returns 1 above the last place, 0 below it, and of those that share it as many parts as there are places left
 */
function chancesOf(scores: Numbers, count: number): Float64Array {
  const sorted = Float64Array.from(scores).sort();
  const last = sorted[sorted.length - count] ?? Infinity;
  const above = sorted.filter((score) => score > last).length;
  const equal = sorted.filter((score) => score === last).length;
  return Float64Array.from(scores, (score) => (score > last ? 1 : score === last ? (count - above) / equal : 0));
}

/**
 * The share of the true best that a first judge does not let through, where equals are drawn by lot on both sides.
 *
 * @param truth what the best are the best by
 * @param first the first judge's scores of the same items
 * @param best share of the items that are the true best, in (0, 1]
 * @param kept share of the items that the first judge lets through, in (0, 1]
 * @returns from 0 (none is lost) to 1; of no items NaN
 * @throws RocError USAGE for unequal lengths, values that are not finite, and shares beyond (0, 1]
 */
export function lostBest(truth: Numbers, first: Numbers, best: number, kept: number): number {
  checkPairs(first, truth);
  const wanted = countOfShare(truth.length, best);
  const isBest = chancesOf(truth, wanted);
  const passes = chancesOf(first, countOfShare(first.length, kept));
  return 1 - isBest.reduce((sum, chance, i) => sum + chance * (passes[i] ?? 0), 0) / wanted;
}
