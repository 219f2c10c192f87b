/** Percentiles of a judge's scores. */
import type { ScoresBetween } from "./where.js";

/** Scores that are closer are the same one: texts on the way between database and program may round the last digit. */
const SAME = 1e-9;

/** The scores of a library's pictures by one judge, in order. */
export class Ranking {
  /** @param scores from the lowest to the highest, one a picture */
  constructor(readonly scores: Float64Array) {}

  /**
   * The share of the pictures that score lower, those of the same score counted half, from 0 to 100. Undefined in an empty
   * library.
   *
   * @param margin by how much scores differ that are the same one
   */
  percentile(score: number, margin = SAME): number | undefined {
    const { length } = this.scores;
    return length === 0 ? undefined : (50 * (this.#below(score - margin) + this.#upTo(score + margin))) / length;
  }

  /** As {@link ScoresBetween}: percentiles grow with the score, so that a range of one is a range of the other. */
  readonly scoresBetween: ScoresBetween = (operator, percentile) => {
    const compare = COMPARISONS[operator];
    const fulfils = (score: number): boolean => compare?.(this.percentile(score) ?? NaN, percentile) ?? false;
    const [low, high] = [this.scores.findIndex(fulfils), this.scores.findLastIndex(fulfils)];
    return low < 0 ? undefined : [(this.scores[low] as number) - SAME, (this.scores[high] as number) + SAME];
  };

  /** How many scores are lower. */
  #below(score: number): number {
    return this.#first((other) => other >= score);
  }

  /** How many are lower or equal. */
  #upTo(score: number): number {
    return this.#first((other) => other > score);
  }

  /** Where `isPast` becomes true. */
  #first(isPast: (score: number) => boolean): number {
    let [low, high] = [0, this.scores.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isPast(this.scores[middle] as number)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "=": (a, b) => a === b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};
