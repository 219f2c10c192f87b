/** The mean, the normal distribution and sample quantiles: the basis of intervals. Pure functions on plain numbers. */
import type { Numbers } from "./scores.js";

/** Terms of the continued fraction; at its smallest argument, 2, a hundred terms give full double precision. */
const FRACTION_TERMS = 100;
const NEWTON_STEPS = 100;

function normalDensity(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

/** P(X > x) of a standard normal X for x >= 0, without cancellation in the tail (Abramowitz and Stegun 26.2.11, .14). */
function upperTail(x: number): number {
  if (x >= 2) {
    let fraction = x;
    for (let term = FRACTION_TERMS; term > 0; term--) fraction = x + term / fraction;
    return normalDensity(x) / fraction;
  }
  let term = x;
  let sum = x;
  for (let odd = 3; term > 1e-18; odd += 2) {
    term *= (x * x) / odd;
    sum += term;
  }
  return 0.5 - normalDensity(x) * sum;
}

/** P(X <= x) of a standard normal X, to about 1e-15 (scipy `ndtr`). */
export function normalCdf(x: number): number {
  return x > 0 ? 1 - upperTail(x) : upperTail(-x);
}

/**
 * The x with `normalCdf(x) === p` (scipy `ndtri`); -Infinity at 0, Infinity at 1.
 * Newton on the logarithm of the tail, which is concave, so that it converges from above to every x.
 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
  const tail = Math.min(p, 1 - p);
  // Never below the root, as the tail at x is at most half of exp(-x² / 2).
  let x = Math.sqrt(-2 * Math.log(2 * tail));
  for (let i = 0; i < NEWTON_STEPS; i++) {
    const above = upperTail(x);
    const step = ((Math.log(above) - Math.log(tail)) * above) / normalDensity(x);
    x = Math.max(0, x + step);
    if (Math.abs(step) <= 1e-15 * x) break;
  }
  return p < 0.5 ? -x : x;
}

/** A sorted copy, ascending. */
export function sorted(values: Numbers): Float64Array {
  return Float64Array.from(values).sort();
}

/** The `p`-quantile of values in ascending order, with linear interpolation (numpy's default); NaN without values. */
export function quantile(rising: Float64Array, p: number): number {
  const position = p * (rising.length - 1);
  const below = Math.floor(position);
  const low = rising[below] ?? NaN;
  const high = rising[below + 1] ?? low;
  return low + (high - low) * (position - below);
}

/** The arithmetic mean, summed in order; NaN of none. */
export function mean(values: Numbers): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
}
