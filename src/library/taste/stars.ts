/**
 * Stars as numbers: the Gaussian process of prior.ts with normal noise, which for one strength is ridge regression in its dual form. Its
 * inverse gives in closed form what it would have said of any ratings had it not seen them (leave-one-out and leave-fold-out:
 * Rasmussen and Williams 2006, 5.4.2), and how probable the others were, so that a fold's strengths are weighed without it.
 */
import { cholesky, dot, inverse, logDeterminant, part, solve, times } from "../../metrics/algebra.js";
import { evidenceShares, SLOPE, STRENGTHS, type Examples, type Fit } from "./prior.js";

/** The constant is as good as free: against the noise its variance is this. */
const CONSTANT = 100;

interface Solution {
  readonly strength: number;
  /** (K + I)⁻¹, and that times the residuals. */
  readonly inverse: Float64Array;
  readonly dual: Float64Array;
  readonly logDeterminant: number;
  readonly square: number;
}

/** Ratings that are learned. */
export class StarFit {
  readonly #solutions: readonly Solution[];
  readonly #mean: number;
  readonly #slope: number;

  /** @param ratings at least two different ones */
  constructor(
    private readonly examples: Examples,
    private readonly ratings: Float64Array,
    strengths: readonly number[] = STRENGTHS,
  ) {
    const n = ratings.length;
    this.#mean = ratings.reduce((sum, rating) => sum + rating, 0) / n;
    const variance = ratings.reduce((sum, rating) => sum + (rating - this.#mean) ** 2, 0) / n;
    this.#slope = SLOPE.mean * Math.sqrt(variance);
    const residuals = ratings.map((rating, i) => rating - this.#mean - this.#slope * (examples.base[i] as number));
    this.#solutions = strengths.map((strength) => {
      const factor = cholesky(covariance(examples, strength), n);
      const inverted = inverse(factor, n);
      const dual = times(inverted, residuals);
      return { strength, inverse: inverted, dual, logDeterminant: logDeterminant(factor, n), square: dot(residuals, dual) }; // prettier-ignore
    });
  }

  fit(): Fit {
    const n = this.ratings.length;
    const shares = evidenceShares(
      this.#solutions.map(({ square, logDeterminant }) => evidence(n, square, logDeterminant)),
    );
    const sum = (of: (solution: Solution) => number): number =>
      this.#solutions.reduce((total, solution, i) => total + (shares[i] as number) * of(solution), 0);
    return {
      constant: this.#mean + sum(({ dual }) => CONSTANT * dual.reduce((total, value) => total + value, 0)),
      slope: this.#slope + sum(({ dual }) => SLOPE.variance * dot(this.examples.base, dual)),
      shares: Float64Array.from(this.ratings, (_, i) => sum(({ strength, dual }) => strength * (dual[i] as number))),
    };
  }

  /**
   * What is predicted of some of the ratings from all others, and the constant in it. The mean of the others is the lower the higher the
   * held ratings are, so that predictions of several parts are comparable without it alone.
   */
  heldOut(rows: readonly number[]): { readonly values: number[]; readonly constant: number } {
    const n = this.ratings.length;
    const parts = this.#solutions.map(({ inverse, dual, square, logDeterminant: whole }) => {
      const factor = cholesky(part(inverse, n, rows), rows.length);
      const own = Float64Array.from(rows, (row) => dual[row] as number);
      const errors = solve(factor, own);
      const others = evidence(n - rows.length, square - dot(own, errors), whole + logDeterminant(factor, rows.length));
      return { errors, others, constant: CONSTANT * sumWithout(inverse, dual, rows, errors) };
    });
    const shares = evidenceShares(parts.map(({ others }) => others));
    const sum = (of: (one: (typeof parts)[number]) => number): number =>
      parts.reduce((total, one, at) => total + (shares[at] as number) * of(one), 0);
    const values = rows.map((row, i) => (this.ratings[row] as number) - sum(({ errors }) => errors[i] as number));
    return { values, constant: this.#mean + sum(({ constant }) => constant) };
  }
}

/** The sum of the dual of all other rows, had it been solved without these: α_O - K⁻¹_OR e_R, e_R the errors of the rows. */
function sumWithout(inverse: Float64Array, dual: Float64Array, rows: readonly number[], errors: Float64Array): number {
  const n = dual.length;
  const out = new Set(rows);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    if (out.has(i)) continue;
    sum += dual[i] as number;
    for (const [at, row] of rows.entries()) sum -= (inverse[i * n + row] as number) * (errors[at] as number);
  }
  return sum;
}

/** Of the ratings, in units of the noise. */
function covariance({ products, base }: Examples, strength: number): Float64Array {
  const n = base.length;
  return products.map((product, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    const slope = SLOPE.variance * (base[i] as number) * (base[j] as number);
    return CONSTANT + slope + strength * product + (i === j ? 1 : 0);
  });
}

/** Logarithm of the probability of n ratings, their noise at its likeliest, up to what all strengths have alike. */
function evidence(n: number, square: number, logDeterminant: number): number {
  // Ratings that are met exactly leave no noise: the least that numbers can tell.
  return -(n * Math.log(Math.max(square, Number.MIN_VALUE) / n) + logDeterminant) / 2;
}
