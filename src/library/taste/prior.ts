/**
 * What is believed of a taste before a rating is seen, the same for stars and for pairs:
 *
 *     taste(x) = slope z + w x,   slope ~ N(1/2, 1),   w ~ N(0, g/p) each
 *
 * z is the base's standardised score and x the standardised vector of p numbers: a Gaussian process whose mean is half of the base's score
 * and whose kernel is linear. What is learned is thus the residual from the base: few ratings move little. Each strength g of
 * {@link STRENGTHS} (0: the base alone, at another slope) is weighted by the probability that it gives the ratings (marginal likelihood,
 * MacKay 1992), so that no single one is trusted where few ratings tell them apart. Strengths and slope were chosen on `bench:taste`'s tuning
 * photographers (docs/taste.md).
 */
export const SLOPE = { mean: 0.5, variance: 1 } as const;

export const STRENGTHS: readonly number[] = [0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

/** Shares of logarithms of evidence, which sum to 1. */
export function evidenceShares(logs: readonly number[]): number[] {
  const most = Math.max(...logs);
  const weights = logs.map((log) => Math.exp(log - most));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** What is known of the examples: products of their vectors ({@link gram}), and the base's standardised scores. */
export interface Examples {
  readonly products: Float64Array;
  readonly base: Float64Array;
}

/** What was learned of examples: taste(x) = constant + slope z + Σ share_i (x_i · x) / p. */
export interface Fit {
  readonly constant: number;
  readonly slope: number;
  /** One an example. */
  readonly shares: Float64Array;
}
