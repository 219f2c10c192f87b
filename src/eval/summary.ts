/** The figures of a set of predictions, with intervals, parts and failures. */
import { groupBySet } from "../data/group-by.js";
import type { ScoreScale } from "../data/index.js";
import { agreementFigures, type Figures } from "../metrics/agreement.js";
import { ofPairs, type BootstrapOptions } from "../metrics/bootstrap.js";
import { breakdown, fifths, partsByGroup, type Part, type PartFigures } from "../metrics/breakdown.js";
import { coverageOf, discreteRange, normalRange, type Coverage, type Range } from "../metrics/calibration.js";
import { emd, kl } from "../metrics/distributions.js";
import { setFigures, type RatedSet, type SetFigures } from "../metrics/sets.js";
import { plccFitted } from "../metrics/logistic.js";
import { accuracy, mae, plcc, srcc, type Numbers } from "../metrics/scores.js";
import { SCORE, succeeded, type Prediction } from "./prediction.js";

type Metric = (predicted: Numbers, truth: Numbers) => number | null;

export interface SummaryOptions {
  readonly scale: ScoreScale;
  readonly seed: number;
  readonly resamples?: number | undefined;
  /** Scores above it are "good" in the binary accuracy; default: the middle of the scale (AVA: 5.5; its custom is 5). */
  readonly threshold?: number | undefined;
}

/**
 * Figures of a part of the predictions.
 *
 * @category Evaluation
 */
export type PartSummary = PartFigures<"srcc" | "plcc" | "mae">;

/**
 * Figures of an attribute.
 *
 * @category Evaluation
 */
export type AttributeFigures = Figures & {
  /** Pictures that have the attribute. */
  readonly count: number;
};

/**
 * The figures of an evaluation.
 *
 * @category Evaluation
 */
export interface Summary {
  /** That the errors are in units of. */
  readonly scale: ScoreScale;
  /** Rated pictures of the evaluation. */
  readonly count: number;
  /** Predictions that there are figures of. */
  readonly scored: number;
  /** Why there is none, by code. */
  readonly failures: Readonly<Record<string, number>>;
  /** Of the overall score. */
  readonly overall: Figures;
  /** PLCC after the predictions went through a logistic function of five parameters; null where it is not defined. */
  readonly plccAfterLogisticFit: number | null;
  /** Share of the pictures that both say are good, or both are not. */
  readonly accuracy: {
    /** Scores above it count as good; on {@link scale}. */
    readonly threshold: number;
    /** Share in [0, 1]; null without pictures. */
    readonly value: number | null;
  };
  /** Means over the pictures with votes and a predicted distribution of the same number of ratings. */
  readonly distributions: {
    /** Number of such pictures. */
    readonly count: number;
    /** Earth mover's distance of the cumulative distributions; null without such pictures. */
    readonly emd: number | null;
    /** Kullback-Leibler divergence from the votes, in nats; null without such pictures. */
    readonly kl: number | null;
  };
  /** By the attribute's name. */
  readonly attributes: Readonly<Record<string, AttributeFigures>>;
  /** By the data set's themes; none without. */
  readonly byTheme: readonly PartSummary[];
  /** By fifths of the ratings, lowest first. */
  readonly byTrueScore: readonly PartSummary[];
  /** Of the central intervals of the predicted spread. */
  readonly coverage: readonly Coverage[];
  /** Of sets of pictures, by their scores; absent where the data set has none. */
  readonly sets?: SetFigures | undefined;
}

const LEVELS = [0.5, 0.8, 0.9, 0.95];

/** Summarises predictions; failures are counted, and left out of the figures. */
export function summarise(predictions: readonly Prediction[], options: SummaryOptions): Summary {
  const scored = predictions.filter(succeeded);
  const [predicted, truth] = pairsOf(scored, SCORE);
  const sets = setsOf(scored);
  const threshold = options.threshold ?? (options.scale.min + options.scale.max) / 2;
  return {
    scale: { min: options.scale.min, max: options.scale.max },
    count: predictions.length,
    scored: scored.length,
    failures: countBy(predictions.filter((row) => !succeeded(row)).map(({ error }) => error?.code ?? "NO_SCORE")),
    overall: figuresOf(predicted, truth, options),
    plccAfterLogisticFit: plccFitted(predicted, truth),
    accuracy: { threshold, value: accuracy(predicted, truth, threshold) },
    distributions: distributionFigures(scored),
    attributes: attributeFigures(scored, options),
    byTheme: partFigures(partsByGroup(scored.map(({ theme }) => theme)), predicted, truth),
    byTrueScore: partFigures(fifths(truth), predicted, truth),
    coverage: coverageFigures(scored, options.scale, LEVELS),
    ...(sets.length > 0 && { sets: setFigures(sets, bootstrapOf(options)) }),
  };
}

/** Scores and ratings of each set. */
function setsOf(scored: readonly Prediction[]): RatedSet[] {
  return [...groupBySet(scored).values()].map((rows) => {
    const [predicted, truth] = pairsOf(rows, SCORE);
    return { predicted, truth };
  });
}

function bootstrapOf({ seed, resamples }: SummaryOptions): BootstrapOptions {
  return { seed, ...(resamples && { resamples }) };
}

function figuresOf(predicted: Numbers, truth: Numbers, options: SummaryOptions): Figures {
  return agreementFigures(predicted, truth, bootstrapOf(options));
}

function partFigures(parts: readonly Part[], predicted: Numbers, truth: Numbers): PartSummary[] {
  const of = (metric: Metric) => ofPairs(metric, predicted, truth);
  return breakdown(parts, { srcc: of(srcc), plcc: of(plcc), mae: of(mae) });
}

/** Predicted and true values of one score, where both are there. */
function pairsOf(predictions: readonly Prediction[], name: string): [number[], number[]] {
  const pairs = predictions.flatMap(({ predicted, truth }) => {
    const [value, rating] = [predicted[name], truth[name]];
    return typeof value === "number" && rating !== undefined ? [[value, rating] as const] : [];
  });
  return [pairs.map(([value]) => value), pairs.map(([, rating]) => rating)];
}

function attributeFigures(predictions: readonly Prediction[], options: SummaryOptions): Summary["attributes"] {
  const names = new Set(predictions.flatMap(({ predicted }) => Object.keys(predicted)));
  names.delete(SCORE);
  const rated = [...names].map((name) => [name, pairsOf(predictions, name)] as const);
  return Object.fromEntries(
    rated
      .filter(([, [predicted]]) => predicted.length > 0)
      .map(([name, [predicted, truth]]) => [name, { count: truth.length, ...figuresOf(predicted, truth, options) }]),
  );
}

function distributionFigures(predictions: readonly Prediction[]): Summary["distributions"] {
  const pairs = predictions.flatMap(({ distribution, votes }) =>
    distribution && votes && distribution.length === votes.length ? [[distribution, votes] as const] : [],
  );
  const mean = (of: (predicted: Numbers, voted: Numbers) => number | null): number | null => {
    const values = pairs.map(([predicted, voted]) => of(predicted, voted));
    return values.length === 0 || values.includes(null)
      ? null
      : values.reduce<number>((sum, value) => sum + (value ?? 0), 0) / values.length;
  };
  return { count: pairs.length, emd: mean((predicted, voted) => emd(predicted, voted, 2)), kl: mean(kl) };
}

/**
 * The share of ratings that central intervals of the predicted spread hold: from the predicted distribution where there
 * is one, else from a normal one. Empty where a prediction has no spread.
 *
 * @param predictions none of them failed
 */
export function coverageFigures(
  predictions: readonly Prediction[],
  scale: ScoreScale,
  levels: readonly number[],
): Coverage[] {
  const [predicted, truth] = pairsOf(predictions, SCORE);
  const stds = predictions.map(({ std }) => std);
  if (predictions.length === 0 || stds.includes(null)) return [];
  const rangeOf = (item: number, level: number): Range => {
    const { distribution } = predictions[item] as Prediction;
    if (!distribution) return normalRange(predicted[item] as number, stds[item] ?? 0, level);
    return discreteRange(ratingsOf(distribution.length, scale), distribution, level);
  };
  return coverageOf(rangeOf, truth, levels);
}

/** Evenly spaced ratings over a scale. */
export function ratingsOf(count: number, { min, max }: ScoreScale): number[] {
  return Array.from({ length: count }, (_, index) => min + (index * (max - min)) / (count - 1));
}

function countBy(keys: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const key of keys) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
}
