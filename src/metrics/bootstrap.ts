/**
 * Bootstrap confidence intervals and tests (Efron and Tibshirani 1993) for any figure of a set of items. The same seed
 * gives the same figures on every machine.
 */
import { Random } from "../random.js";
import { RocError } from "../errors.js";
import type { Numbers } from "./scores.js";
import { normalCdf, normalQuantile, quantile, sorted } from "./statistics.js";

/** A figure of the items at these rows; a row may occur more than once. `null` where it is not defined. */
export type Statistic = (rows: Uint32Array) => number | null;

/** A metric of predictions and ratings as a figure of rows. */
export function ofPairs(
  metric: (predicted: Numbers, truth: Numbers) => number | null,
  predicted: Numbers,
  truth: Numbers,
): Statistic {
  const take = (values: Numbers, rows: Uint32Array): Float64Array =>
    Float64Array.from(rows, (row) => values[row] ?? NaN);
  return (rows) => metric(take(predicted, rows), take(truth, rows));
}

/** The mean of one value per item, such as captions' scores; `null` without items. */
export function ofMean(values: Numbers): Statistic {
  return (rows) => (rows.length === 0 ? null : rows.reduce((sum, row) => sum + (values[row] ?? NaN), 0) / rows.length);
}

/** The figure of a part, whose items are then numbered from 0: `bootstrapInterval(within(f, part), part.length, ...)`. */
export function within(statistic: Statistic, part: Uint32Array): Statistic {
  return (rows) => statistic(rows.map((row) => part[row] ?? 0));
}

/** Every row once. */
export function allRows(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, row) => row);
}

export interface IntervalOptions {
  /** Nominal coverage, in (0, 1); default 0.95. */
  readonly level?: number;
  /**
   * `percentile` (the default): quantiles of the resampled figures. `bca`: corrected for bias and skewness; evaluates the
   * figure once more per item.
   */
  readonly method?: "percentile" | "bca";
}

export interface BootstrapOptions extends IntervalOptions {
  readonly seed: number;
  /** Number of resamples; default 2000. */
  readonly resamples?: number;
}

/**
 * A figure with its percentile interval of a bootstrap.
 *
 * @category Evaluation
 */
export interface Interval {
  /** The figure of the items themselves. */
  readonly value: number;
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
  /** Share of the resamples between the ends, in (0, 1). */
  readonly level: number;
  /** Resamples that the interval is computed from. */
  readonly resamples: number;
  /** Resamples that were left out because the figure is not defined for them (all items equal). */
  readonly undefinedResamples: number;
}

/**
 * A difference of two figures with its interval and its p.
 *
 * @category Evaluation
 */
export interface Comparison extends Interval {
  /** Two-sided, in (0, 1]. */
  readonly p: number;
}

/** Rows drawn with replacement, `count` per resample. */
export function* resample(count: number, { seed, resamples = 2000 }: BootstrapOptions): Generator<Uint32Array> {
  if (!Number.isSafeInteger(resamples) || resamples < 1) {
    throw new RocError("USAGE", `bootstrap: ${resamples} resamples; give a whole number above 0`);
  }
  const random = new Random(seed, "bootstrap");
  for (let i = 0; i < resamples; i++) {
    const rows = new Uint32Array(count);
    for (let at = 0; at < count; at++) rows[at] = random.int(count);
    yield rows;
  }
}

/**
 * A confidence interval of a figure of `count` items.
 * @returns null where the figure is not defined for the items, or the interval is not (no resample with a figure; `bca`
 *   where all resamples are on one side, or no item changes the figure)
 * @throws RocError USAGE for a level outside of (0, 1) or a number of resamples below 1
 */
export function bootstrapInterval(statistic: Statistic, count: number, options: BootstrapOptions): Interval | null {
  return count === 0 ? null : intervalOf(statistic, count, resample(count, options), options);
}

/** {@link bootstrapInterval} over given resamples. */
export function intervalOf(
  statistic: Statistic,
  count: number,
  samples: Iterable<Uint32Array>,
  options: IntervalOptions,
): Interval | null {
  return replicate(statistic, count, samples, options)?.interval ?? null;
}

/**
 * Compares two systems on the same items: the difference `a - b` of a figure, its interval, and the p-value of no
 * difference. Both systems use the same rows in each resample. p inverts the percentile interval: twice the smaller share
 * of the resampled differences on either side of 0 (those at 0 count on both), plus one, so that it is never 0.
 *
 * @returns null as {@link bootstrapInterval}
 */
export function pairedBootstrap(
  a: Statistic,
  b: Statistic,
  count: number,
  options: BootstrapOptions,
): Comparison | null {
  return count === 0 ? null : comparisonOf(a, b, count, resample(count, options), options);
}

/** {@link pairedBootstrap} over given resamples. */
export function comparisonOf(
  a: Statistic,
  b: Statistic,
  count: number,
  samples: Iterable<Uint32Array>,
  options: IntervalOptions,
): Comparison | null {
  const difference: Statistic = (rows) => {
    const [first, second] = [a(rows), b(rows)];
    return first === null || second === null ? null : first - second;
  };
  const found = replicate(difference, count, samples, options);
  if (found === null) return null;
  const { interval, figures } = found;
  const below = figures.filter((value) => value <= 0).length;
  const above = figures.filter((value) => value >= 0).length;
  return { ...interval, p: Math.min(1, (2 * (1 + Math.min(below, above))) / (1 + figures.length)) };
}

/** The figures of the resamples in ascending order, and their interval. */
function replicate(
  statistic: Statistic,
  count: number,
  samples: Iterable<Uint32Array>,
  { level = 0.95, method = "percentile" }: IntervalOptions,
): { interval: Interval; figures: Float64Array } | null {
  if (!(level > 0 && level < 1)) {
    throw new RocError("USAGE", `bootstrap: level ${level}; give a share between 0 and 1, as 0.95`);
  }
  const value = statistic(allRows(count));
  if (value === null) return null;
  const all = Array.from(samples, statistic);
  const figures = definedOf(all);
  const tails = method === "bca" ? bcaTails(statistic, count, value, figures, level) : percentileTails(level);
  const interval = tails && intervalBetween(tails, value, figures, all.length, level);
  return interval && { interval, figures };
}

/**
 * The percentile interval of a figure from its values on the resamples, `null` for a resample where it is not defined.
 * @returns null where no resample has a figure
 */
export function percentileInterval(
  value: number,
  replicates: readonly (number | null)[],
  level = 0.95,
): Interval | null {
  return intervalBetween(percentileTails(level), value, definedOf(replicates), replicates.length, level);
}

/** The defined ones, in ascending order. */
function definedOf(replicates: readonly (number | null)[]): Float64Array {
  return sorted(replicates.filter((figure) => figure !== null));
}

function intervalBetween(
  tails: Tails,
  value: number,
  figures: Float64Array,
  total: number,
  level: number,
): Interval | null {
  if (figures.length === 0) return null;
  const [low, high] = [quantile(figures, tails[0]), quantile(figures, tails[1])];
  return { value, low, high, level, resamples: figures.length, undefinedResamples: total - figures.length };
}

type Tails = readonly [number, number];

function percentileTails(level: number): Tails {
  return [(1 - level) / 2, (1 + level) / 2];
}

/** Efron's BCa (1987), as in scipy `bootstrap`: z0 by the mid-rank of the value, the acceleration by the jackknife. */
function bcaTails(
  statistic: Statistic,
  count: number,
  value: number,
  figures: Float64Array,
  level: number,
): Tails | null {
  const below = figures.filter((figure) => figure < value).length;
  const upTo = figures.filter((figure) => figure <= value).length;
  const bias = normalQuantile((below + upTo) / 2 / figures.length);
  const acceleration = accelerationOf(statistic, count);
  if (acceleration === null || !Number.isFinite(bias)) return null;
  const tail = (p: number): number => {
    const shifted = bias + normalQuantile(p);
    return normalCdf(bias + shifted / (1 - acceleration * shifted));
  };
  const [low, high] = percentileTails(level);
  return [tail(low), tail(high)];
}

/** A sixth of the skewness of the items' contributions; null where it is not defined. */
function accelerationOf(statistic: Statistic, count: number): number | null {
  const rows = allRows(count);
  const without = Array.from(rows, (left) => statistic(rows.filter((row) => row !== left)));
  const figures = without.filter((figure) => figure !== null);
  if (figures.length < without.length) return null;
  const mean = figures.reduce((sum, figure) => sum + figure, 0) / count;
  const moment = (power: number): number => figures.reduce((sum, figure) => sum + (mean - figure) ** power, 0);
  const acceleration = moment(3) / (6 * moment(2) ** 1.5);
  return Number.isFinite(acceleration) ? acceleration : null;
}
