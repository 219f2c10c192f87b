/**
 * Pairs, of which a person likes one picture better: the Gaussian process of prior.ts, seen through a probit (Thurstone 1927: a person
 * who compares has normal noise, which is the unit of the taste here), by Laplace's approximation around its likeliest values
 * (Rasmussen and Williams 2006, algorithms 3.1 and 3.2, with a mean).
 */
import { normalCdf } from "../../metrics/statistics.js";
import { cholesky, dot, solve, times } from "../../metrics/algebra.js";
import { evidenceShares, SLOPE, STRENGTHS, type Examples, type Fit } from "./prior.js";

/** Of two examples by their places: the first is liked better. */
export type Preference = readonly [better: number, worse: number];

/** Newton's steps, and the change of the objective below which they end. */
const [STEPS, ENOUGH] = [100, 1e-10];

/** What is known of differences d = taste(better) - taste(worse) at one strength. */
export interface Mode {
  /** The likeliest differences. */
  readonly values: Float64Array;
  /** K⁻¹ (values - mean). */
  readonly dual: Float64Array;
  /** Minus the second derivatives of the log likelihood there. */
  readonly curvature: Float64Array;
  /** Logarithm of the probability of the answers, by Laplace. */
  readonly evidence: number;
}

/** Learns of preferences. Those who are liked better are so by differences in units of the noise of one comparison. */
export function fitPairs(
  { products, base }: Examples,
  pairs: readonly Preference[],
  strengths: readonly number[] = STRENGTHS,
): Fit {
  const differences = { products: productsOf(products, base.length, pairs), base: baseOf(base, pairs) };
  const modes = strengths.map((strength) => laplace(differences, strength));
  const weights = evidenceShares(modes.map(({ evidence }) => evidence));
  const shares = new Float64Array(base.length);
  let slope: number = SLOPE.mean;
  for (const [at, { dual }] of modes.entries()) {
    const weight = weights[at] as number;
    slope += weight * SLOPE.variance * dot(differences.base, dual);
    for (const [i, [better, worse]] of pairs.entries()) {
      const share = weight * (strengths[at] as number) * (dual[i] as number);
      shares[better] = (shares[better] as number) + share;
      shares[worse] = (shares[worse] as number) - share;
    }
  }
  return { constant: 0, slope, shares };
}

/** Products of the pairs' differences with one another. */
function productsOf(products: Float64Array, n: number, pairs: readonly Preference[]): Float64Array {
  const at = (i: number, j: number): number => products[i * n + j] as number;
  const found = new Float64Array(pairs.length ** 2);
  for (const [i, [a, b]] of pairs.entries())
    for (const [j, [c, d]] of pairs.entries()) found[i * pairs.length + j] = at(a, c) - at(a, d) - at(b, c) + at(b, d);
  return found;
}

function baseOf(base: Float64Array, pairs: readonly Preference[]): Float64Array {
  return Float64Array.from(pairs, ([better, worse]) => (base[better] as number) - (base[worse] as number));
}

/**
 * The likeliest differences at one strength, by Newton's method, whose steps are halved where they lead too far.
 *
 * @param mean what is believed of them before; default: by the base
 */
export function laplace(
  { products, base }: Examples,
  strength: number,
  mean = base.map((difference) => SLOPE.mean * difference),
): Mode {
  const n = base.length;
  // prettier-ignore
  const kernel = products.map((product, at) => SLOPE.variance * (base[Math.floor(at / n)] as number) * (base[at % n] as number) + strength * product);
  const valuesOf = (dual: Float64Array): Float64Array => times(kernel, dual).map((value, i) => (mean[i] as number) + value); // prettier-ignore
  const objective = (dual: Float64Array, values: Float64Array): number =>
    logLikelihood(values) - dual.reduce((sum, one, i) => sum + one * ((values[i] as number) - (mean[i] as number)), 0) / 2; // prettier-ignore
  let dual: Float64Array = new Float64Array(n);
  let values = valuesOf(dual);
  for (let step = 0, before = objective(dual, values); step < STEPS; step++) {
    const wanted = newton(kernel, values, mean);
    let [size, next, found] = [1, wanted, valuesOf(wanted)];
    while (objective(next, found) < before && size > 1e-6) {
      size /= 2;
      next = dual.map((value, i) => value + size * ((wanted[i] as number) - value));
      found = valuesOf(next);
    }
    const now = objective(next, found);
    [dual, values] = [next, found];
    if (now - before < ENOUGH) break;
    before = now;
  }
  const curvature = values.map((value) => derivatives(value)[1]);
  const factor = bounded(kernel, curvature);
  let half = 0;
  for (let i = 0; i < n; i++) half += Math.log(factor[i * n + i] as number);
  return { values, dual, curvature, evidence: objective(dual, values) - half };
}

/** Where Newton's step leads: K⁻¹ (values - mean) of it. */
function newton(kernel: Float64Array, values: Float64Array, mean: Float64Array): Float64Array {
  const both = Array.from(values, derivatives);
  const curvature = Float64Array.from(both, ([, second]) => second);
  const roots = curvature.map(Math.sqrt);
  const wanted = Float64Array.from(both, ([first, second], i) => second * ((values[i] as number) - (mean[i] as number)) + first); // prettier-ignore
  const factor = bounded(kernel, curvature);
  const seen = times(kernel, wanted).map((value, i) => value * (roots[i] as number));
  const solved = solve(factor, seen);
  return wanted.map((value, i) => value - (roots[i] as number) * (solved[i] as number));
}

/** The Cholesky factor of I + W^½ K W^½, whose eigenvalues are at least 1. */
export function bounded(kernel: Float64Array, curvature: Float64Array): Float64Array {
  const n = curvature.length;
  const roots = curvature.map(Math.sqrt);
  const matrix = kernel.map((value, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return (roots[i] as number) * value * (roots[j] as number) + (i === j ? 1 : 0);
  });
  return cholesky(matrix, n);
}

/** Below this the normal distribution's tail is -x times its density, to a thousandth. */
const TAIL = -30;

/** Of log Φ(x): its first derivative, and minus its second, which is between 0 and 1. */
function derivatives(x: number): [first: number, second: number] {
  const first = x < TAIL ? -x : Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI) / normalCdf(x);
  return [first, Math.min(1, Math.max(1e-12, first * (first + x)))];
}

function logLikelihood(values: Float64Array): number {
  return values.reduce((sum, x) => sum + (x < TAIL ? (-x * x) / 2 - Math.log(-x * Math.sqrt(2 * Math.PI)) : Math.log(normalCdf(x))), 0); // prettier-ignore
}
