/**
 * Agreement of predictions with ratings, each figure with its bootstrap interval. The figures of a resample are computed
 * from the number of times it holds each item: sorting is done once, so that a resample of n items costs O(n log n) simple
 * steps (Kendall's tau, by a binary indexed tree) and no sort. 20,000 items and 2,000 resamples take seconds.
 */
import { percentileInterval, resample, type BootstrapOptions, type Interval } from "./bootstrap.js";
import { krcc, mae, plcc, rmse, srcc, type Numbers } from "./scores.js";

/** The metrics reported for every score, in the order of tables. */
const METRICS = { srcc, plcc, krcc, mae, rmse } as const satisfies Record<MetricName, unknown>;
/**
 * Name of a figure: Spearman's, Pearson's and Kendall's (tau-b) correlation, mean absolute and root mean square error.
 *
 * @category Evaluation
 */
export type MetricName = "srcc" | "plcc" | "krcc" | "mae" | "rmse";
export const METRIC_NAMES = Object.keys(METRICS) as readonly MetricName[];

/**
 * Figures of agreement with 95% bootstrap intervals; null where one is not defined (all values equal).
 *
 * @category Evaluation
 */
export type Figures = Readonly<Record<MetricName, Interval | null>>;

/**
 * The figures with 95% percentile intervals, equal to those of `bootstrapInterval(ofPairs(metric, ...))` up to rounding.
 *
 * @returns `null` for a figure that is not defined
 * @throws RocError USAGE for unequal lengths or a value that is not finite
 */
export function agreementFigures(predicted: Numbers, truth: Numbers, options: BootstrapOptions): Figures {
  const values = METRIC_NAMES.map((name) => METRICS[name](predicted, truth));
  const replicates: (number | null)[][] = values.map(() => []);
  if (values.some((value) => value !== null)) {
    const counted = new CountedPairs(predicted, truth);
    for (const rows of resample(truth.length, options)) {
      counted.figures(rows).forEach((figure, i) => replicates[i]?.push(Number.isFinite(figure) ? figure : null));
    }
  }
  const entries = METRIC_NAMES.map((name, i) => {
    const value = values[i] ?? null;
    return [name, value === null ? null : percentileInterval(value, replicates[i] ?? [])] as const;
  });
  return Object.fromEntries(entries) as Record<MetricName, Interval | null>;
}

/** Values of one side, and everything that does not depend on the resample. */
interface Side {
  /** Rows by ascending value, then by the other side's. */
  readonly order: Uint32Array;
  /** Dense rank of every row's value, from 0; equal values share one. */
  readonly dense: Uint32Array;
  /** Deviations from the mean, scaled into [-1, 1], to which correlations are invariant. */
  readonly deviations: Float64Array;
  /** Average ranks in the resample: a reused buffer. */
  readonly ranks: Float64Array;
}

/** Ties among the items of a resample. */
interface Ties {
  /** Pairs of items with equal values. */
  readonly pairs: number;
  readonly constant: boolean;
}

/** Predictions and ratings whose figures are computed for many resamples. */
export class CountedPairs {
  readonly #x: Side;
  readonly #y: Side;
  readonly #errors: Float64Array;
  readonly #counts: Float64Array;
  readonly #tree: Float64Array;

  constructor(predicted: Numbers, truth: Numbers) {
    this.#x = sideOf(predicted, truth);
    this.#y = sideOf(truth, predicted);
    this.#errors = Float64Array.from(predicted, (value, row) => Math.abs(value - (truth[row] as number)));
    this.#counts = new Float64Array(truth.length);
    this.#tree = new Float64Array(truth.length + 1);
  }

  /** The figures of a resample in the order of {@link METRIC_NAMES}; not finite where one is not defined. */
  figures(rows: Uint32Array): number[] {
    const counts = this.#counts.fill(0);
    for (let i = 0; i < rows.length; i++) (counts[rows[i] as number] as number)++;
    const n = rows.length;
    const [tiesX, tiesY] = [averageRanks(this.#x, counts), averageRanks(this.#y, counts)];
    const constant = tiesX.constant || tiesY.constant;
    const middle = (n + 1) / 2;
    return [
      constant ? NaN : correlation(this.#x.ranks, this.#y.ranks, counts, middle, middle),
      constant ? NaN : this.#pearson(counts, n),
      constant ? NaN : this.#kendall(counts, n, tiesX.pairs, tiesY.pairs),
      this.#meanError(counts, 1) / n,
      Math.sqrt(this.#meanError(counts, 2) / n),
    ];
  }

  #pearson(counts: Float64Array, n: number): number {
    const [{ deviations: x }, { deviations: y }] = [this.#x, this.#y];
    return correlation(x, y, counts, countedSum(x, counts) / n, countedSum(y, counts) / n);
  }

  #meanError(counts: Float64Array, power: 1 | 2): number {
    let sum = 0;
    for (let row = 0; row < counts.length; row++) {
      const error = this.#errors[row] as number;
      sum += (counts[row] as number) * (power === 1 ? error : error * error);
    }
    return sum;
  }

  /** tau-b; discordant pairs are counted in ascending x: the earlier ones with a greater y. */
  #kendall(counts: Float64Array, n: number, tiesX: number, tiesY: number): number {
    const { order, dense } = this.#x;
    const y = this.#y.dense;
    const tree = this.#tree.fill(0);
    let [seen, discordant, tiesBoth, same, last] = [0, 0, 0, 0, -1];
    for (let i = 0; i < order.length; i++) {
      const row = order[i] as number;
      const count = counts[row] as number;
      if (count === 0) continue;
      const node = (y[row] as number) + 1;
      let upTo = 0;
      for (let k = node; k > 0; k -= k & -k) upTo += tree[k] as number;
      discordant += count * (seen - upTo);
      for (let k = node; k < tree.length; k += k & -k) (tree[k] as number) += count;
      seen += count;
      const tied = last >= 0 && dense[last] === dense[row] && y[last] === y[row];
      tiesBoth += tied ? 0 : (same * (same - 1)) / 2;
      same = (tied ? same : 0) + count;
      last = row;
    }
    tiesBoth += (same * (same - 1)) / 2;
    const pairs = (n * (n - 1)) / 2;
    const balance = pairs - tiesX - tiesY + tiesBoth - 2 * discordant;
    return clamp(balance / Math.sqrt(pairs - tiesX) / Math.sqrt(pairs - tiesY));
  }
}

function sideOf(values: Numbers, others: Numbers): Side {
  const n = values.length;
  const [own, other] = [Float64Array.from(values), Float64Array.from(others)];
  const at = (rows: Float64Array, row: number): number => rows[row] as number;
  const order = Uint32Array.from({ length: n }, (_, row) => row).sort(
    (a, b) => at(own, a) - at(own, b) || at(other, a) - at(other, b),
  );
  const dense = new Uint32Array(n);
  for (let i = 1; i < n; i++) {
    const [before, row] = [order[i - 1] as number, order[i] as number];
    dense[row] = (dense[before] as number) + (own[row] === own[before] ? 0 : 1);
  }
  const mean = own.reduce((sum, value) => sum + value, 0) / n;
  const greatest = own.reduce((most, value) => Math.max(most, Math.abs(value - mean)), 0);
  const deviations = own.map((value) => (value - mean) / (greatest || 1));
  return { order, dense, deviations, ranks: new Float64Array(n) };
}

/** Writes the average ranks of a resample's items into `ranks`. */
function averageRanks({ order, dense, ranks }: Side, counts: Float64Array): Ties {
  let [below, pairs, groups] = [0, 0, 0];
  for (let from = 0, to = 0; from < order.length; from = to) {
    const value = dense[order[from] as number];
    let size = 0;
    while (to < order.length && dense[order[to] as number] === value) size += counts[order[to++] as number] as number;
    const rank = below + (size + 1) / 2;
    for (let i = from; i < to; i++) ranks[order[i] as number] = rank;
    below += size;
    pairs += (size * (size - 1)) / 2;
    if (size > 0) groups++;
  }
  return { pairs, constant: groups < 2 };
}

function countedSum(values: Float64Array, counts: Float64Array): number {
  let sum = 0;
  for (let row = 0; row < values.length; row++) sum += (counts[row] as number) * (values[row] as number);
  return sum;
}

function correlation(x: Float64Array, y: Float64Array, counts: Float64Array, meanX: number, meanY: number): number {
  let [xx, yy, xy] = [0, 0, 0];
  for (let row = 0; row < x.length; row++) {
    const count = counts[row] as number;
    const [dx, dy] = [(x[row] as number) - meanX, (y[row] as number) - meanY];
    xx += count * dx * dx;
    yy += count * dy * dy;
    xy += count * dx * dy;
  }
  return clamp(xy / Math.sqrt(xx) / Math.sqrt(yy));
}

function clamp(correlation: number): number {
  return Math.max(-1, Math.min(1, correlation));
}
