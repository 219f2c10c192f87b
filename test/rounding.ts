/**
 * How far two computations in float32 may lie apart that are the same but for the order of their sums: with another number
 * of threads, other kernels, other batches. Bounds of tests follow from here, not from what one processor printed.
 */

/** The most by which one rounding moves a float32 number, relative to it. */
const ROUNDING = 2 ** -24;

/**
 * Roundings go up as often as down, so that their sum grows as the root of their number (Higham and Mary, A new approach to
 * probabilistic rounding error analysis, SIAM J. Sci. Comput. 2019). One is spread evenly up to the most, so that its standard
 * deviation is that over the root of 3; a sum lies more than six of its own away once in 5e8 times.
 */
const DEVIATIONS = 6;

/**
 * The distance of two sums of the same numbers.
 *
 * @param terms how many numbers are added
 * @param scale that none of the partial sums goes beyond
 */
export function sumError(terms: number, scale: number): number {
  return 2 * DEVIATIONS * (ROUNDING / Math.sqrt(3)) * Math.sqrt(terms) * scale;
}

/** What a layer of the tiny models of test/fixtures adds up: its projections, its MLP, its attention over some 40 keys. */
const TERMS_OF_LAYER = 32 + 48 + 40;

/**
 * The distance of two forwards of these models with all their 8 layers (tower and language model), against a reference or in
 * other batches: their logits are below 7. It comes to 9e-5; the contract is 1e-4.
 */
export const FORWARD_ERROR = sumError(8 * TERMS_OF_LAYER, 7);

/** As {@link FORWARD_ERROR}, of the 4 layers of a tower, whose features are below 8.5. */
export const FEATURES_ERROR = sumError(4 * TERMS_OF_LAYER, 8.5);

/** The distance of two gradients or hidden states through all layers, over their largest number. */
export const RELATIVE_ERROR = sumError(8 * TERMS_OF_LAYER, 1);

/** Two runs of Adam whose gradients differ by rounding. */
export interface AdamRuns {
  /** The highest. */
  readonly learningRate: number;
  readonly steps: number;
  readonly betas: readonly [number, number];
  /** By how much an entry of the first step's gradient may differ; each later one adds as much, as the weights part. */
  readonly gradientError: number;
}

/** Σ over the steps 1 to `count` of `term`. */
function sum(count: number, term: (step: number) => number): number {
  return Array.from({ length: count }, (_, i) => term(i + 1)).reduce((a, b) => a + b, 0);
}

/** The largest step that Adam can take after `steps`, over the learning rate: by Cauchy and Schwarz. */
function largestStep(steps: number, [b1, b2]: readonly [number, number]): number {
  const share = (beta: number, age: number): number => ((1 - beta) * beta ** age) / (1 - beta ** steps);
  return Math.sqrt(sum(steps, (step) => share(b1, steps - step) ** 2 / share(b2, steps - step)));
}

/**
 * The distance of two weights after their runs. A gradient off by δ moves m̂/√v̂ by no more than (1 + |m̂|/√v̂)·δ/√v̂, since
 * m̂ and √v̂ (a norm of the gradients) move by no more than δ each; where the gradient is but rounding, its sign may be
 * another one, and the two steps lie apart by both of them. Decay multiplies a weight once a step, and the step is added.
 *
 * @param weight at the end
 * @param secondMoments Adam's `exp_avg_sq` of this weight after every step
 */
export function adamError(runs: AdamRuns, weight: number, secondMoments: readonly number[]): number {
  const { learningRate, steps, betas, gradientError } = runs;
  const drift = sum(steps, (step) => {
    const most = largestStep(step, betas);
    const root = Math.sqrt((secondMoments[step - 1] ?? NaN) / (1 - betas[1] ** step));
    return Math.min(2 * most, ((1 + most) * step * gradientError) / root);
  });
  return learningRate * drift + 2 * steps * 2 * ROUNDING * (Math.abs(weight) + learningRate * steps);
}

/** The distance of two first moments, which are means of gradients. */
export function firstMomentError({ steps, gradientError }: AdamRuns): number {
  return steps * gradientError;
}

/** The distance of two second moments, which are (1 - β₂)·Σ g² with older ones decayed: |Δg²| is below 2·|g|·δ + δ². */
export function secondMomentError({ steps, betas, gradientError }: AdamRuns, secondMoment: number): number {
  const worst = steps * gradientError;
  // Σ |g| over the steps is at most the root of their number times that of Σ g².
  const roots = Math.sqrt((steps * secondMoment) / (1 - betas[1])) * betas[1] ** (-steps / 2);
  return (1 - betas[1]) * (2 * worst * roots + steps * worst ** 2);
}
