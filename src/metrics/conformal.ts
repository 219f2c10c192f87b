/**
 * Split conformal prediction: intervals that hold a stated share of the ratings, whatever the model, as long as the pictures are
 * exchangeable with those of the calibration (Vovk, Gammerman and Shafer 2005; Lei et al. 2018, Algorithm 2; Romano, Patterson and
 * Candès 2019 for quantiles).
 *
 * All values are on the unit scale: 0 is the lowest rating, 1 the highest.
 */
import { RocError } from "../errors.js";
import type { Range } from "./calibration.js";
import { normalised } from "./distributions.js";
import type { Numbers } from "./scores.js";
import { sorted } from "./statistics.js";

/**
 * How far a rating is from a prediction, and so how wide an interval is where: `absolute`, the same width everywhere; `normalised`,
 * in proportion to the predicted spread; `quantiles`, the predicted distribution's own interval, made wider or narrower by the same
 * amount everywhere.
 *
 * @category Evaluation
 */
export type ConformalMethod = "absolute" | "normalised" | "quantiles";

/** The simplest first: it wins where two are equally wide. */
export const CONFORMAL_METHODS = ["absolute", "normalised", "quantiles"] as const satisfies readonly ConformalMethod[];

/** What is predicted of a picture. */
export interface Estimate {
  readonly value: number;
  readonly std: number | null;
  /** Weights of evenly spaced ratings from 0 to 1. */
  readonly distribution: Numbers | null;
}

/** A prediction with the rating. */
export interface Labelled extends Estimate {
  readonly truth: number;
}

/** Added to predicted spreads, as a share of the scale: one of nearly 0 would make all others count for nothing. */
const SPREAD_FLOOR = 0.01;
/** Of the pictures, where a method is chosen: they choose, and the others calibrate. */
const CHOOSING_SHARE = 0.2;
/** Parts of those that choose: each is measured with the quantile of the others. */
const FOLDS = 5;
/** For products such as 15 · 0.8, which should be whole. */
const ROUNDING = 1e-9;

interface Rule {
  /** The nonconformity score; null where the prediction lacks what it needs. */
  readonly score: (labelled: Labelled, level: number) => number | null;
  /** All ratings whose nonconformity score is at most the quantile. */
  readonly range: (estimate: Estimate, quantile: number, level: number) => Range | null;
}

const RULES: Readonly<Record<ConformalMethod, Rule>> = {
  absolute: {
    score: ({ value, truth }) => Math.abs(truth - value),
    range: ({ value }, quantile) => [value - quantile, value + quantile],
  },
  normalised: {
    score: ({ value, std, truth }) => (std === null ? null : Math.abs(truth - value) / (std + SPREAD_FLOOR)),
    range: ({ value, std }, quantile) => {
      if (std === null) return null;
      const reach = quantile * (std + SPREAD_FLOOR);
      return [value - reach, value + reach];
    },
  },
  quantiles: {
    score: ({ distribution, truth }, level) => {
      if (distribution === null) return null;
      const [low, high] = centralRange(distribution, level);
      return Math.max(low - truth, truth - high);
    },
    range: ({ distribution }, quantile, level) => {
      if (distribution === null) return null;
      const [low, high] = centralRange(distribution, level);
      const middle = (low + high) / 2;
      return [Math.min(low - quantile, middle), Math.max(high + quantile, middle)];
    },
  },
};

/** The central interval of a distribution whose weights are spread evenly over the bins around their ratings. */
function centralRange(distribution: Numbers, level: number): Range {
  const shares = normalised(distribution, "the prediction");
  const step = 1 / Math.max(1, shares.length - 1);
  const at = (p: number): number => {
    let below = 0;
    const bin = shares.findIndex((share) => {
      if (below + share >= p) return true;
      below += share;
      return false;
    });
    if (bin < 0) return 1;
    const share = shares[bin] ?? 0;
    return (bin - 0.5 + (share > 0 ? (p - below) / share : 0)) * step;
  };
  return [at((1 - level) / 2), at((1 + level) / 2)];
}

/** The rank of the quantile among `count` nonconformity scores: ceil((count + 1) level). Above `count` it is infinite. */
export function conformalRank(count: number, level: number): number {
  checkLevel(level);
  return Math.ceil((count + 1) * level - ROUNDING);
}

/** How many pictures an interval of a level needs to be finite: 9 for 0.9, 99 for 0.99. */
export function fewestFor(level: number): number {
  checkLevel(level);
  return Math.ceil(level / (1 - level) - ROUNDING);
}

/** The smallest score with at least ceil((n + 1) level) of the n at or below it: the exact finite-sample quantile; Infinity where n is too small. */
export function conformalQuantile(scores: Numbers, level: number): number {
  return sorted(scores)[conformalRank(scores.length, level) - 1] ?? Infinity;
}

function checkLevel(level: number): void {
  if (level > 0 && level < 1) return;
  throw new RocError("USAGE", `conformal prediction: level ${level}; give a share between 0 and 1, as 0.9`);
}

/**
 * How the intervals of one level are made.
 *
 * @category Evaluation
 */
export interface Conformal {
  /** Share of the ratings that they hold. */
  readonly level: number;
  /** By what they are wider or narrower. */
  readonly method: ConformalMethod;
  /** The largest nonconformity score that is within. */
  readonly quantile: number;
}

/** The interval of a prediction within the scale; null where the method needs more than the prediction has. */
export function conformalRange(estimate: Estimate, { level, method, quantile }: Conformal): Range | null {
  const range = RULES[method].range(estimate, quantile, level);
  if (range === null) return null;
  const [low, high] = range.map((end) => Math.min(1, Math.max(0, end)));
  return [low ?? NaN, high ?? NaN];
}

/**
 * How the intervals of one level are made, and from what.
 *
 * @category Evaluation
 */
export interface Calibrated extends Conformal {
  /** Pictures whose nonconformity scores the quantile is one of. */
  readonly count: number;
  /** Other pictures, by which the method was chosen; 0: it was given, or there were too few. */
  readonly chosenBy: number;
  /** Mean width of each method's intervals on the pictures that chose, by folds, as a share of the scale. */
  readonly widths: Readonly<Partial<Record<ConformalMethod, number | undefined>>>;
}

export interface CalibrateOptions {
  readonly level: number;
  /** Default: the one with the narrowest intervals. */
  readonly method?: ConformalMethod | undefined;
  /**
   * A number in [0, 1) for each row that depends on neither prediction nor rating: the rows of the lowest choose the method, so that
   * the choice has not seen those that calibrate.
   */
  readonly draws: Numbers;
}

/** @returns how many pictures a finite interval needs @throws RocError DATA_INVALID where they are fewer */
export function requireEnough(count: number, level: number): number {
  const fewest = fewestFor(level);
  if (count >= fewest) return fewest;
  const why = `An interval that holds ${shareText(level)} of the ratings needs ${fewest} pictures with a score and a rating`;
  throw new RocError("DATA_INVALID", `${why}; there are ${count}. Give more pictures, or a lower level.`);
}

/**
 * Calibrates intervals of one level on predictions with ratings.
 *
 * @throws RocError DATA_INVALID where they are too few for a finite interval, or lack what the method needs
 */
export function calibrated(rows: readonly Labelled[], { level, method, draws }: CalibrateOptions): Calibrated {
  const fewest = requireEnough(rows.length, level);
  if (method !== undefined) return { ...conformalOf(rows, level, method), chosenBy: 0, widths: {} };
  const { choosing, others } = divided(rows, draws);
  // Fewer say nothing, and leave too little to calibrate with.
  if (choosing.length * (1 - 1 / FOLDS) < fewest || others.length < fewest)
    return { ...conformalOf(rows, level, "absolute"), chosenBy: 0, widths: {} };
  const widths = widthsOf(choosing, level);
  const [best = "absolute"] = CONFORMAL_METHODS.filter((name) => widths[name] !== undefined).toSorted(
    (a, b) => (widths[a] ?? 0) - (widths[b] ?? 0),
  );
  return { ...conformalOf(others, level, best), chosenBy: choosing.length, widths };
}

/** Those of the lowest draws, in the order of the draws, and the others. */
function divided(rows: readonly Labelled[], draws: Numbers): { choosing: Labelled[]; others: Labelled[] } {
  const order = rows.map((_, i) => i).sort((a, b) => (draws[a] ?? 0) - (draws[b] ?? 0));
  const drawn = order.map((i) => rows[i] as Labelled);
  const count = Math.round(CHOOSING_SHARE * rows.length);
  return { choosing: drawn.slice(0, count), others: drawn.slice(count) };
}

function conformalOf(
  rows: readonly Labelled[],
  level: number,
  method: ConformalMethod,
): Omit<Calibrated, "chosenBy" | "widths"> {
  const scores = rows.map((row) => RULES[method].score(row, level));
  if (scores.includes(null)) {
    const what = method === "normalised" ? "spread" : "distribution";
    throw new RocError(
      "DATA_INVALID",
      `The method "${method}" needs a predicted ${what}, which this checkpoint gives none of. Take another method.`,
    );
  }
  return { level, method, quantile: conformalQuantile(scores as number[], level), count: rows.length };
}

/** Mean widths within the scale, each fold by the quantile of the others; of the methods that all rows have what is needed for. */
function widthsOf(rows: readonly Labelled[], level: number): Calibrated["widths"] {
  const possible = CONFORMAL_METHODS.filter((name) => rows.every((row) => RULES[name].score(row, level) !== null));
  const entries = possible.map((method) => {
    const widths = byFolds(rows, FOLDS, (others) => conformalOf(others, level, method)).map(
      ([low, high]) => high - low,
    );
    return [method, widths.reduce((sum, width) => sum + width, 0) / rows.length] as const;
  });
  return Object.fromEntries(entries);
}

/** The interval of every row by what `conformal` makes of the rows that are not in its fold. */
function byFolds(rows: readonly Labelled[], folds: number, conformal: (others: Labelled[]) => Conformal): Range[] {
  const made = Array.from({ length: folds }, (_, fold) => conformal(rows.filter((_, i) => i % folds !== fold)));
  return rows.map((row, i) => conformalRange(row, made[i % folds] as Conformal) ?? [0, 1]);
}

/**
 * The interval of every row as if it had not been there: each fifth gets what the others calibrate. Says how intervals fare without
 * further pictures.
 *
 * @param method that was chosen
 */
export function foldRanges(rows: readonly Labelled[], level: number, method: ConformalMethod): readonly Range[] | null {
  if (Math.floor(rows.length * (1 - 1 / FOLDS)) < fewestFor(level)) return null;
  return byFolds(rows, FOLDS, (others) => conformalOf(others, level, method));
}

/** A share as people write it: 90%, 99.5%. */
export function shareText(share: number): string {
  return `${Number((100 * share).toPrecision(6))}%`;
}
