/**
 * Agreement of predictions with ratings. Pure functions on plain numbers.
 *
 * All take predictions and ground truth of equal length, finite; the correlations are symmetric. A figure that is not
 * defined (fewer than two values, or a side without variation; for errors and accuracy, no value at all), or that
 * overflows, is `null`, never NaN.
 *
 * All throw RocError USAGE for unequal lengths or a value that is not finite.
 */
import { RocError } from "../errors.js";

/** Plain or typed arrays; they are not modified. */
export type Numbers = ArrayLike<number>;

/** Spearman's rank correlation, in [-1, 1]: Pearson's of the ranks, ties by their average rank (scipy `spearmanr`). */
export function srcc(predicted: Numbers, truth: Numbers): number | null {
  checkPairs(predicted, truth);
  return pearson(averageRanks(predicted), averageRanks(truth));
}

/** Pearson's linear correlation, in [-1, 1] (scipy `pearsonr`); no fitted mapping before it. */
export function plcc(predicted: Numbers, truth: Numbers): number | null {
  checkPairs(predicted, truth);
  return pearson(Float64Array.from(predicted), Float64Array.from(truth));
}

/**
 * Kendall's tau-b, in [-1, 1] (scipy `kendalltau`), in O(n log n): Knight 1966, "A Computer Method for Calculating
 * Kendall's Tau with Ungrouped Data".
 */
export function krcc(predicted: Numbers, truth: Numbers): number | null {
  checkPairs(predicted, truth);
  const n = predicted.length;
  const x = denseRanks(predicted);
  const y = denseRanks(truth);
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((i, j) => at(x, i) - at(x, j) || at(y, i) - at(y, j));
  const sorted = order.map((i) => at(y, i));
  const pairs = (n * (n - 1)) / 2;
  const [tiesX, tiesY] = [tiedPairs(x), tiedPairs(y)];
  const tiesBoth = tiedPairs(Float64Array.from(order, (i) => at(x, i) * n + at(y, i)));
  if (n < 2 || tiesX === pairs || tiesY === pairs) return null;
  const concordantMinusDiscordant = pairs - tiesX - tiesY + tiesBoth - 2 * inversions(sorted);
  return clamp(concordantMinusDiscordant / Math.sqrt(pairs - tiesX) / Math.sqrt(pairs - tiesY));
}

/** Mean absolute error, in the unit of the scores. */
export function mae(predicted: Numbers, truth: Numbers): number | null {
  checkPairs(predicted, truth);
  return meanOver(predicted, truth, Math.abs);
}

/** Root of the mean squared error, in the unit of the scores. */
export function rmse(predicted: Numbers, truth: Numbers): number | null {
  checkPairs(predicted, truth);
  const square = meanOver(predicted, truth, (error) => error * error);
  return square === null ? null : Math.sqrt(square);
}

/**
 * Share of the items whose prediction is on the same side of `threshold` as their rating, in [0, 1]. The upper side
 * includes the threshold itself, as in AVA (Murray et al. 2012: a picture is good from 5 on).
 */
export function accuracy(predicted: Numbers, truth: Numbers, threshold: number): number | null {
  checkPairs(predicted, truth);
  if (!Number.isFinite(threshold)) throw new RocError("USAGE", `metrics: the threshold is ${threshold}; give a number`);
  if (predicted.length === 0) return null;
  let same = 0;
  for (let i = 0; i < predicted.length; i++) {
    if (at(predicted, i) >= threshold === at(truth, i) >= threshold) same++;
  }
  return same / predicted.length;
}

/** Refuses input that no metric here accepts. @throws RocError USAGE */
export function checkPairs(predicted: Numbers, truth: Numbers): void {
  if (predicted.length !== truth.length) {
    const lengths = `${predicted.length} predictions and ${truth.length} ratings`;
    throw new RocError("USAGE", `metrics: ${lengths}; give one prediction per rating`);
  }
  for (const [name, values] of [
    ["prediction", predicted],
    ["rating", truth],
  ] as const) {
    const index = Array.from(values).findIndex((value) => !Number.isFinite(value));
    if (index >= 0)
      throw new RocError("USAGE", `metrics: ${name} ${index} is ${values[index]}; leave failed scores out`);
  }
}

/** Indices are in range by construction; typed arrays make the default unreachable. */
function at(values: Numbers, index: number): number {
  return values[index] ?? NaN;
}

function mean(values: Float64Array): number {
  return pairwiseSum(values) / values.length;
}

/** Number of terms above which numpy halves a sum, and the number of parallel partial sums below it. */
const BLOCK = 128;
const LANES = 8;

/**
 * The sum in numpy's order, halved down to blocks. Where the values hardly differ (all near 1e15, say) a correlation
 * depends on the last digit of the mean, so that only the same order of summation gives scipy's figure; it is also more
 * accurate.
 */
function pairwiseSum(values: Float64Array): number {
  const n = values.length;
  if (n > BLOCK) {
    const half = Math.floor(n / 2);
    const low = half - (half % LANES);
    return pairwiseSum(values.subarray(0, low)) + pairwiseSum(values.subarray(low));
  }
  if (n < LANES) return values.reduce((sum, value) => sum + value, 0);
  const whole = n - (n % LANES);
  const lanes = new Float64Array(LANES);
  for (let i = 0; i < whole; i++) lanes[i % LANES] = at(lanes, i % LANES) + at(values, i);
  const [a, b, c, d] = [0, 2, 4, 6].map((lane) => at(lanes, lane) + at(lanes, lane + 1)) as [number, number, number, number]; // prettier-ignore
  return values.subarray(whole).reduce((sum, value) => sum + value, a + b + (c + d));
}

function pearson(x: Float64Array, y: Float64Array): number | null {
  if (x.length < 2 || isConstant(x) || isConstant(y)) return null;
  // For two points it is the sign; the mean of two close values would be rounded.
  if (x.length === 2) return at(x, 0) < at(x, 1) === at(y, 0) < at(y, 1) ? 1 : -1;
  const [dx, dy] = [unit(x), unit(y)];
  return clamp(dx.reduce((sum, value, i) => sum + value * at(dy, i), 0));
}

/** Centred and scaled to length 1; scaled by the largest deviation first, so that no square over- or underflows. */
function unit(values: Float64Array): Float64Array {
  const centre = mean(values);
  const deviations = values.map((value) => value - centre);
  const greatest = deviations.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const scaled = deviations.map((value) => value / greatest);
  const length = Math.sqrt(scaled.reduce((sum, value) => sum + value * value, 0));
  return scaled.map((value) => value / length);
}

function isConstant(values: Float64Array): boolean {
  return values.every((value) => value === values[0]);
}

/** Rounding may exceed the limits; sums of values near the largest double overflow, which gives no figure. */
function clamp(correlation: number): number | null {
  return Number.isNaN(correlation) ? null : Math.max(-1, Math.min(1, correlation));
}

function meanOver(predicted: Numbers, truth: Numbers, cost: (error: number) => number): number | null {
  if (predicted.length === 0) return null;
  const value = mean(Float64Array.from(predicted, (value, i) => cost(value - at(truth, i))));
  return Number.isFinite(value) ? value : null;
}

/** Groups equal values: calls `group` with the indices of each, by ascending value. */
function eachTie(values: Numbers, group: (indices: Uint32Array) => void): void {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i).sort((i, j) => at(values, i) - at(values, j));
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && at(values, at(order, to)) === at(values, at(order, from))) to++;
    group(order.subarray(from, to));
  }
}

/** Ranks from 1; equal values share the average of theirs. */
export function averageRanks(values: Numbers): Float64Array {
  const ranks = new Float64Array(values.length);
  let below = 0;
  eachTie(values, (indices) => {
    for (const index of indices) ranks[index] = below + (indices.length + 1) / 2;
    below += indices.length;
  });
  return ranks;
}

/** Dense ranks from 0: exact integers to compare. */
function denseRanks(values: Numbers): Float64Array {
  const ranks = new Float64Array(values.length);
  let rank = 0;
  eachTie(values, (indices) => {
    for (const index of indices) ranks[index] = rank;
    rank++;
  });
  return ranks;
}

function tiedPairs(values: Numbers): number {
  let pairs = 0;
  eachTie(values, ({ length }) => (pairs += (length * (length - 1)) / 2));
  return pairs;
}

/** Pairs in descending order, counted by a bottom-up merge sort. */
function inversions(values: Uint32Array): number {
  let count = 0;
  let from: Uint32Array = values;
  let to: Uint32Array = new Uint32Array(values.length);
  for (let width = 1; width < values.length; width *= 2) {
    for (let low = 0; low < values.length; low += 2 * width) {
      const middle = Math.min(low + width, values.length);
      const high = Math.min(low + 2 * width, values.length);
      for (let i = low, j = middle, k = low; k < high; k++) {
        const left = i < middle && (j >= high || at(from, i) <= at(from, j));
        if (!left) count += middle - i;
        to[k] = at(from, left ? i++ : j++);
      }
    }
    [from, to] = [to, from];
  }
  return count;
}
