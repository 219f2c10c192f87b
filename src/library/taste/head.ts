/** A taste that was learned, as numbers: what it says of a picture's vector and of its score by the base. */
import type { Fit } from "./prior.js";

/** An affine map from a vector and a score to the taste's score, which is on the base's scale. */
export interface Head {
  /** One a number of the vector. */
  readonly weights: Float64Array;
  /** Of the base's score. */
  readonly slope: number;
  readonly constant: number;
}

/** The taste's score of a picture; it may lie beyond the scale by a little, so that no two pictures are the same at its ends. */
export function tasteOf({ weights, slope, constant }: Head, score: number, vector: ArrayLike<number>): number {
  let sum = constant + slope * score;
  for (let i = 0; i < weights.length; i++) sum += (weights[i] as number) * (vector[i] as number);
  return sum;
}

/** Mean and spread of numbers. */
export interface Moments {
  readonly mean: Float64Array;
  /** Standard deviation; 0 of what is always the same. */
  readonly spread: Float64Array;
}

/** Sums up vectors one by one (Welford 1962: no difference of large sums). */
export class MomentsSum {
  readonly #mean: Float64Array;
  readonly #squares: Float64Array;
  count = 0;

  constructor(length: number) {
    this.#mean = new Float64Array(length);
    this.#squares = new Float64Array(length);
  }

  add(values: ArrayLike<number>): void {
    this.count++;
    for (let i = 0; i < this.#mean.length; i++) {
      const difference = (values[i] as number) - (this.#mean[i] as number);
      const mean = (this.#mean[i] as number) + difference / this.count;
      this.#mean[i] = mean;
      this.#squares[i] = (this.#squares[i] as number) + difference * ((values[i] as number) - mean);
    }
  }

  moments(): Moments {
    const spread = this.#squares.map((sum, i) => {
      const found = Math.sqrt(sum / Math.max(1, this.count));
      // A number that is always the same differs from its mean by rounding alone.
      return found > 1e-7 * Math.abs(this.#mean[i] as number) ? found : 0;
    });
    return { mean: Float64Array.from(this.#mean), spread };
  }
}

/** With mean 0 and spread 1; what does not vary is 0. */
export function standardised(values: ArrayLike<number>, { mean, spread }: Moments): Float64Array {
  return mean.map((centre, i) => {
    const scale = spread[i] as number;
    return scale === 0 ? 0 : ((values[i] as number) - centre) / scale;
  });
}

/** What was learned of standardised examples, as a map of plain vectors and scores, in the unit of the ratings. */
export function headOf(fit: Fit, rows: readonly Float64Array[], vectors: Moments, scores: Moments): Head {
  const length = vectors.mean.length;
  const weights = new Float64Array(length);
  for (const [at, row] of rows.entries()) {
    const share = (fit.shares[at] as number) / Math.max(1, length);
    for (let i = 0; i < length; i++) weights[i] = (weights[i] as number) + share * (row[i] as number);
  }
  const [mean = 0, spread = 0] = [scores.mean[0], scores.spread[0]];
  const slope = spread === 0 ? 0 : fit.slope / spread;
  let constant = fit.constant - slope * mean;
  for (let i = 0; i < length; i++) {
    const scale = vectors.spread[i] as number;
    weights[i] = scale === 0 ? 0 : (weights[i] as number) / scale;
    constant -= (weights[i] as number) * (vectors.mean[i] as number);
  }
  return { weights, slope, constant };
}

/** The same taste with the mean and the spread of the base's scores: its numbers are read as those of the base are. */
export function inUnitsOf(head: Head, own: Moments, scores: Moments): Head {
  const [ownMean = 0, ownSpread = 0] = [own.mean[0], own.spread[0]];
  const [mean = 0, spread = 0] = [scores.mean[0], scores.spread[0]];
  const factor = ownSpread === 0 ? 0 : spread / ownSpread;
  return {
    weights: head.weights.map((weight) => weight * factor),
    slope: head.slope * factor,
    constant: mean + factor * (head.constant - ownMean),
  };
}
