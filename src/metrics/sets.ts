/**
 * How well sets of pictures are put in order: pairs, the best, the worst. Intervals are over sets, since pictures of one set have
 * their errors in common: whole sets are drawn.
 */
import {
  bootstrapInterval,
  pairedBootstrap,
  type BootstrapOptions,
  type Comparison,
  type Interval,
  type Statistic,
} from "./bootstrap.js";
import { RocError } from "../errors.js";
import type { Numbers } from "./scores.js";

/** The pictures of a set: what was predicted of each, and how it is rated. */
export interface RatedSet {
  readonly predicted: Numbers;
  readonly truth: Numbers;
}

/**
 * A share of right answers with its 95% bootstrap interval over sets.
 *
 * @category Evaluation
 */
export interface SetAccuracy {
  /** Null where nothing can be asked. */
  readonly interval: Interval | null;
  /** What guessing gets, in [0, 1]; null where nothing can be asked. */
  readonly chance: number | null;
  /** Pairs or sets that were asked for. */
  readonly count: number;
}

/**
 * Figures of sets of pictures.
 *
 * @category Evaluation
 */
export interface SetFigures {
  /** Sets of two scored pictures or more. */
  readonly sets: number;
  /** Pictures in them. */
  readonly pictures: number;
  /**
   * Share of the pairs within sets whose better picture is predicted to be better, of pairs that are rated differently. A
   * predicted tie counts half.
   */
  readonly pairs: SetAccuracy & {
    /** Pairs of equal ratings, which are left out. */
    readonly ties: number;
  };
  /**
   * Share of the sets whose predicted best is (one of) the best rated, of sets whose ratings are not all equal. Of several
   * that are predicted equal, one is drawn: their share that is right counts.
   */
  readonly best: SetAccuracy;
  /** The same of the worst. */
  readonly worst: SetAccuracy;
}

/** Right answers of a set, and what they are of. */
export interface Count {
  readonly right: number;
  readonly guessed: number;
  readonly of: number;
}

/**
 * Figures of sets; those of fewer than two pictures are left out.
 *
 * @throws RocError USAGE for a value that is not finite, or unequal lengths
 */
export function setFigures(all: readonly RatedSet[], options: BootstrapOptions): SetFigures {
  const sets = all.filter(({ truth }) => truth.length > 1);
  sets.forEach(check);
  const pairs = sets.map(pairsIn);
  const best = sets.map((set) => topOf(set, 1));
  const worst = sets.map((set) => topOf(set, -1));
  return {
    sets: sets.length,
    pictures: sets.reduce((sum, { truth }) => sum + truth.length, 0),
    pairs: { ...accuracyOf(pairs, options), ties: pairs.reduce((sum, { ties }) => sum + ties, 0) },
    best: accuracyOf(best, options),
    worst: accuracyOf(worst, options),
  };
}

/** What one way finds more than another one, of the same sets: each share's paired difference; null as in {@link SetFigures}. */
export type SetDifference = Readonly<Record<"pairs" | "best" | "worst", Comparison | null>>;

/**
 * The figures of `a` less those of `b`, with intervals over sets.
 *
 * @param a with the sets of `b`, in their order
 * @throws RocError USAGE as {@link setFigures}, and for sets of other ratings
 */
export function compareSets(a: readonly RatedSet[], b: readonly RatedSet[], options: BootstrapOptions): SetDifference {
  const isSame = (set: RatedSet, i: number): boolean => {
    const other = Array.from(b[i]?.truth ?? []);
    return other.length === set.truth.length && Array.from(set.truth).every((rating, k) => rating === other[k]);
  };
  if (a.length !== b.length || !a.every(isSame))
    throw new RocError("USAGE", "Two ways are compared on the same sets: give the same ratings in the same order.");
  [...a, ...b].forEach(check);
  const difference = (count: (set: RatedSet) => Count): Comparison | null =>
    pairedBootstrap(shareOf(a.map(count)), shareOf(b.map(count)), a.length, options);
  return {
    pairs: difference(pairsIn),
    best: difference((set) => topOf(set, 1)),
    worst: difference((set) => topOf(set, -1)),
  };
}

function check({ predicted, truth }: RatedSet): void {
  if (predicted.length !== truth.length)
    throw new RocError(
      "USAGE",
      `A set has ${predicted.length} predictions and ${truth.length} ratings; give one each.`,
    );
  if (![...Array.from(predicted), ...Array.from(truth)].every(Number.isFinite))
    throw new RocError("USAGE", "A set holds a value that is no finite number; leave pictures without a score out.");
}

/** Pairs of different ratings in a set. */
function pairsIn({ predicted, truth }: RatedSet): Count & { readonly ties: number } {
  let [right, of, ties] = [0, 0, 0];
  for (let a = 0; a < truth.length; a++)
    for (let b = a + 1; b < truth.length; b++) {
      const rated = Math.sign((truth[a] as number) - (truth[b] as number));
      if (rated === 0) ties++;
      else {
        // 1, 1/2 or 0: the same order, a tie, the other one.
        right += (1 + rated * Math.sign((predicted[a] as number) - (predicted[b] as number))) / 2;
        of++;
      }
    }
  return { right, guessed: of / 2, of, ties };
}

/** Whether a set's best is found, and its pairs' order: what {@link setFigures} sums up. */
export function countsIn(set: RatedSet): { readonly best: Count; readonly pairs: Count } {
  return { best: topOf(set, 1), pairs: pairsIn(set) };
}

/** Whether the highest (`sign` 1) or lowest (-1) of a set is found. */
function topOf({ predicted, truth }: RatedSet, sign: 1 | -1): Count {
  const topmost = (values: Numbers): number[] => {
    const signed = Array.from(values, (value) => sign * value);
    const top = Math.max(...signed);
    return signed.flatMap((value, i) => (value === top ? [i] : []));
  };
  const [found, wanted] = [topmost(predicted), topmost(truth)];
  if (wanted.length === truth.length) return { right: 0, guessed: 0, of: 0 };
  const right = found.filter((i) => wanted.includes(i)).length / found.length;
  return { right, guessed: wanted.length / truth.length, of: 1 };
}

/** The share of right answers in some of the sets. */
function shareOf(counts: readonly Count[]): Statistic {
  return (rows) => {
    let [right, of] = [0, 0];
    for (const row of rows) {
      right += counts[row]?.right ?? 0;
      of += counts[row]?.of ?? 0;
    }
    return of === 0 ? null : right / of;
  };
}

function accuracyOf(counts: readonly Count[], options: BootstrapOptions): SetAccuracy {
  const total = (key: keyof Count): number => counts.reduce((sum, count) => sum + count[key], 0);
  const count = total("of");
  const chance = count === 0 ? null : total("guessed") / count;
  return { interval: bootstrapInterval(shareOf(counts), counts.length, options), chance, count };
}
