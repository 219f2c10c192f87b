/** Whether a taste ranks photos that it has not learned from better than the base does: the condition for keeping it. */
import { groupBy } from "../../data/group-by.js";
import { percentileInterval, resample, type Interval } from "../../metrics/bootstrap.js";
import { srcc } from "../../metrics/scores.js";
import { mean } from "../../metrics/statistics.js";
import { Random } from "../../random.js";
import type { Preference } from "./pairs.js";
import type { Moments2 } from "./trials.js";

/**
 * A figure of the base's scores and of the taste's, both on held-out ratings.
 *
 * @category Photos
 */
export interface Compared {
  /** Of the base's scores. */
  readonly base: number;
  /** Of what was learned of the other ratings. */
  readonly taste: number;
  /** The difference, with its 95% interval: a bootstrap over moments. */
  readonly gain: Interval;
}

/**
 * What a taste has gained on held-out ratings.
 *
 * @category Photos
 */
export interface TasteGain {
  /** Moments (photos, or bursts of them) that were held out together. */
  readonly groups: number;
  /** Spearman's correlation with the stars; null for pairs. */
  readonly srcc: Compared | null;
  /** Share of pairs whose better photo has the higher score: of those that were answered, or of photos with different stars. */
  readonly accuracy: Compared;
}

/** Folds and repetitions of the cross-validation. */
const [FOLDS, REPEATS] = [5, 4];
const RESAMPLES = 1000;
/** Pairs of photos with different stars that are looked at: more hardly move the share. */
const MOST_PAIRS = 3000;
const SEED = "taste";
/** Of a normal distribution, 95% are within so many standard deviations. */
const REACH = 1.96;

/** Parts of the groups, each once in one of {@link FOLDS} parts, {@link REPEATS} times: the rows of each part. */
export function* partsOf(groups: readonly number[]): Generator<number[]> {
  const names = [...new Set(groups)];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    const order = new Random(SEED, repeat, "folds").permutation(names.length);
    const folds = Math.min(FOLDS, names.length);
    const foldOf = new Map(names.map((name, i) => [name, (order[i] as number) % folds]));
    for (let fold = 0; fold < folds; fold++) {
      yield groups.flatMap((group, row) => (foldOf.get(group) === fold ? [row] : []));
    }
  }
}

/** Answers that were held out, with what is predicted of them. */
export interface HeldOutPairs {
  /** Of the moments that the two photos are of. */
  readonly moments: readonly Moments2[];
  readonly base: ArrayLike<number>;
  readonly predicted: ArrayLike<number>;
}

/** Ratings that were held out, with what is predicted of them. */
export interface HeldOut {
  /** Which rows belong to one moment. */
  readonly groups: readonly number[];
  readonly base: ArrayLike<number>;
  readonly predicted: ArrayLike<number>;
}

/** The gain on stars. */
export function gainOfStars(stars: ArrayLike<number>, { groups, base, predicted }: HeldOut): TasteGain {
  const pairs = differing(stars);
  const of = (values: ArrayLike<number>, rows: Uint32Array): number | null =>
    srcc(Float64Array.from(rows, (row) => values[row] as number), Float64Array.from(rows, (row) => stars[row] as number)); // prettier-ignore
  const rows = rowsByGroup(groups);
  // What does not vary has no order.
  const correlation = compared(rows, (drawn) => [of(base, drawn) ?? 0, of(predicted, drawn) ?? 0]);
  return { groups: rows.length, srcc: correlation, accuracy: pairAccuracy(rows, pairs, base, predicted) };
}

/** The gain on answered pairs: `base` and `predicted` are differences, better minus worse, one a pair. */
export function gainOfPairs({ moments, base, predicted }: HeldOutPairs): TasteGain {
  const [ofBase, ofTaste] = [Array.from(base, step), Array.from(predicted, step)];
  const differences = ofTaste.map((value, at) => value - (ofBase[at] as number));
  const accuracy = { base: mean(ofBase), taste: mean(ofTaste), gain: dyadicInterval(differences, moments) };
  return { groups: new Set(moments.flat()).size, srcc: null, accuracy };
}

/**
 * The mean of what differs from answer to answer, with its 95% interval. What is said about a photo goes together in all answers about
 * it, so that these count for less than as many about others: the variance that holds for such pairs (Aronow, Samii and Assenova 2015,
 * "Cluster-Robust Variance Estimation for Dyadic Data", eq. 4).
 */
function dyadicInterval(values: readonly number[], ends: readonly Moments2[]): Interval {
  const value = mean(values);
  const count = values.length;
  let [own, shared] = [0, 0];
  for (const [i, [a, b]] of ends.entries()) {
    for (const [j, [c, d]] of ends.entries()) {
      const product = ((values[i] as number) - value) * ((values[j] as number) - value);
      if (i === j) own += product;
      else if (a === c || a === d || b === c || b === d) shared += product;
    }
  }
  // Shared photos make it no surer.
  const reach = REACH * Math.sqrt((own + Math.max(0, shared)) / (count * (count - 1)));
  return { value, low: value - reach, high: value + reach, level: 0.95, resamples: 0, undefinedResamples: 0 };
}

/** 1 for what is above 0, a half at 0. */
function step(difference: number): number {
  return difference > 0 ? 1 : difference === 0 ? 0.5 : 0;
}

function right(values: ArrayLike<number>, [better, worse]: Preference): number {
  return step((values[better] as number) - (values[worse] as number));
}

/** Pairs of rows with different stars, the better one first; a random choice where there are many. */
function differing(stars: ArrayLike<number>): Preference[] {
  const pairs: Preference[] = [];
  for (let a = 0; a < stars.length; a++)
    for (let b = 0; b < stars.length; b++) if ((stars[a] as number) > (stars[b] as number)) pairs.push([a, b]);
  if (pairs.length <= MOST_PAIRS) return pairs;
  const order = new Random(SEED, "pairs").permutation(pairs.length).subarray(0, MOST_PAIRS);
  return Array.from(order, (at) => pairs[at] as Preference);
}

function pairAccuracy(
  rows: readonly (readonly number[])[],
  pairs: readonly Preference[],
  base: ArrayLike<number>,
  predicted: ArrayLike<number>,
): Compared {
  const rightBy = (values: ArrayLike<number>): number[] => pairs.map((pair) => right(values, pair));
  const [ofBase, ofTaste] = [rightBy(base), rightBy(predicted)];
  return compared(rows, (drawn) => {
    const times = new Float64Array(base.length);
    for (const row of drawn) times[row] = (times[row] as number) + 1;
    let [weights, first, second] = [0, 0, 0];
    for (const [at, [better, worse]] of pairs.entries()) {
      const weight = (times[better] as number) * (times[worse] as number);
      weights += weight;
      first += weight * (ofBase[at] as number);
      second += weight * (ofTaste[at] as number);
    }
    return weights === 0 ? [0.5, 0.5] : [first / weights, second / weights];
  });
}

function rowsByGroup(groups: readonly number[]): number[][] {
  return [...groupBy(groups.keys(), (row) => groups[row]).values()];
}

/** A figure of both, and the interval of its difference: whole groups are drawn. */
function compared(
  groups: readonly (readonly number[])[],
  figures: (rows: Uint32Array) => readonly [base: number, taste: number],
): Compared {
  const all = (drawn: Uint32Array): Uint32Array => Uint32Array.from([...drawn].flatMap((group) => groups[group] ?? []));
  const [base, taste] = figures(all(Uint32Array.from(groups.keys())));
  const replicates: number[] = [];
  for (const drawn of resample(groups.length, { seed: 1, resamples: RESAMPLES })) {
    const [first, second] = figures(all(drawn));
    replicates.push(second - first);
  }
  const nothing = { value: taste - base, low: taste - base, high: taste - base, level: 0.95, resamples: 0, undefinedResamples: RESAMPLES }; // prettier-ignore
  return { base, taste, gain: percentileInterval(taste - base, replicates) ?? nothing };
}
