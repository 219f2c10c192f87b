/**
 * Calibration of a predicted spread: the share of the truth inside central intervals (coverage), against the share that
 * they should hold. Above the nominal level the prediction is underconfident, below it overconfident.
 *
 * All throw RocError USAGE for a level outside of (0, 1).
 */
import { RocError } from "../errors.js";
import { normalised } from "./distributions.js";
import type { Numbers } from "./scores.js";
import { normalQuantile } from "./statistics.js";

/** Both ends included. */
export type Range = readonly [low: number, high: number];

/** The central interval of a normal distribution. @param std from 0 up; at 0 the interval is a point */
export function normalRange(mean: number, std: number, level: number): Range {
  checkLevel(level);
  if (!Number.isFinite(mean) || !(std >= 0 && std < Infinity)) {
    throw new RocError("USAGE", `calibration: mean ${mean} and standard deviation ${std}; leave failed scores out`);
  }
  const reach = normalQuantile((1 + level) / 2) * std;
  return [mean - reach, mean + reach];
}

/**
 * The central interval of a discrete distribution: from the lowest value with at least (1 - level) / 2 of the weight at or
 * below it, to the lowest with (1 + level) / 2 (numpy `quantile` with weights, `inverted_cdf`). It holds at least `level`
 * of its own distribution, often more: few values make coarse intervals.
 *
 * @param values in ascending order
 * @param weights probabilities or counts, scaled to sum 1
 */
export function discreteRange(values: Numbers, weights: Numbers, level: number): Range {
  checkLevel(level);
  if (values.length !== weights.length) {
    throw new RocError(
      "USAGE",
      `calibration: ${weights.length} weights for ${values.length} values; give one weight per value`,
    );
  }
  const probabilities = normalised(weights, "the prediction");
  const at = (p: number): number => {
    let sum = 0;
    // The tolerance is for sums like 0.1 + 0.2, which should be 0.3.
    const index = probabilities.findIndex((probability) => (sum += probability) >= p - 1e-12);
    return values[index] ?? NaN;
  };
  return [at((1 - level) / 2), at((1 + level) / 2)];
}

/**
 * How many ratings are in the central intervals of the predicted spread.
 *
 * @category Evaluation
 */
export interface Coverage {
  /** Nominal: the share that the intervals should hold. */
  readonly level: number;
  /** The share that they do hold, in [0, 1]; `null` without items. */
  readonly coverage: number | null;
}

/**
 * Coverage at every level.
 * @param rangeOf the interval of an item, as `(i, level) => normalRange(mean[i], std[i], level)`
 * @param truth the rating of every item
 */
export function coverageOf(
  rangeOf: (item: number, level: number) => Range,
  truth: Numbers,
  levels: readonly number[],
): Coverage[] {
  return levels.map((level) => {
    const held = Array.from(truth, (value, item) => {
      const [low, high] = rangeOf(item, level);
      return isIn(value, low, high);
    });
    return { level, coverage: held.length === 0 ? null : held.filter(Boolean).length / held.length };
  });
}

/** Coverage of single votes: each item has weight one and contributes the share of its votes inside its interval. */
export function voteCoverageOf(
  rangeOf: (item: number, level: number) => Range,
  values: Numbers,
  votes: readonly Numbers[],
  levels: readonly number[],
): Coverage[] {
  const shares = votes.map((counts, item) => normalised(counts, `the votes on item ${item}`));
  return levels.map((level) => {
    const held = shares.map((probabilities, item) => {
      const [low, high] = rangeOf(item, level);
      return probabilities.reduce((sum, share, k) => (isIn(values[k] ?? NaN, low, high) ? sum + share : sum), 0);
    });
    return { level, coverage: held.length === 0 ? null : held.reduce((sum, share) => sum + share, 0) / held.length };
  });
}

function isIn(value: number, low: number, high: number): boolean {
  return low <= value && value <= high;
}

function checkLevel(level: number): void {
  if (!(level > 0 && level < 1)) {
    throw new RocError("USAGE", `calibration: level ${level}; give a share between 0 and 1, as 0.9`);
  }
}
