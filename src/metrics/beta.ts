/** The beta distribution of whole parameters: of a conformal interval's coverage, and of a share that was counted. */

/** Halvings of [0, 1]: down to the last bit. */
const STEPS = 60;

/** P(X <= x) of Beta(a, b): that of a or more among a + b - 1 draws of chance x (scipy `beta.cdf`). */
function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const draws = a + b - 1;
  let term = 0;
  for (let i = 1; i <= a; i++) term += Math.log((draws - a + i) / i);
  term += a * Math.log(x) + (draws - a) * Math.log1p(-x);
  const odds = Math.log(x) - Math.log1p(-x);
  let sum = 0;
  for (let j = a; j <= draws; j++) {
    sum += Math.exp(term);
    term += odds + Math.log((draws - j) / (j + 1));
  }
  return Math.min(1, sum);
}

/** The x with `betaCdf(x, a, b) === p` (scipy `beta.ppf`), for whole a and b from 1. */
export function betaQuantile(p: number, a: number, b: number): number {
  let [low, high] = [0, 1];
  for (let i = 0; i < STEPS; i++) {
    const middle = (low + high) / 2;
    if (betaCdf(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * A share that was counted.
 *
 * @category Evaluation
 */
export interface CountedShare {
  /** In [0, 1]. */
  readonly value: number;
  /** Ends of its exact interval of 95% (Clopper and Pearson 1934). */
  readonly low: number;
  /** See `low`. */
  readonly high: number;
}

/** The share of `held` among `count`, from 1. */
export function countedShare(held: number, count: number): CountedShare {
  const low = held === 0 ? 0 : betaQuantile(0.025, held, count - held + 1);
  const high = held === count ? 1 : betaQuantile(0.975, held + 1, count - held);
  return { value: held / count, low, high };
}
