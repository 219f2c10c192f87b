/**
 * Distance of a predicted distribution of ratings from the given one. Both are weights of the same ratings in ascending
 * order: probabilities or counts of votes, each scaled to sum 1 first.
 *
 * All throw RocError USAGE for unequal lengths, a weight that is negative or not finite, or weights without a sum.
 */
import { RocError } from "../errors.js";
import type { Numbers } from "./scores.js";

/** Weights scaled to sum 1. */
export function normalised(weights: Numbers, name: string): Float64Array {
  const values = Float64Array.from(weights);
  const wrong = values.findIndex((value) => !(value >= 0 && value < Infinity));
  if (wrong >= 0) {
    throw new RocError("USAGE", `distribution of ${name}: weight ${wrong} is ${values[wrong]}; give numbers from 0 up`);
  }
  const greatest = values.reduce((max, value) => Math.max(max, value), 0);
  if (greatest === 0) throw new RocError("USAGE", `distribution of ${name}: its weights have no sum; leave it out`);
  // Divided by the largest first: the sum of huge weights may overflow.
  const scaled = values.map((value) => value / greatest);
  const sum = scaled.reduce((total, value) => total + value, 0);
  return scaled.map((value) => value / sum);
}

function bothNormalised(predicted: Numbers, truth: Numbers): [Float64Array, Float64Array] {
  if (predicted.length !== truth.length) {
    const lengths = `${predicted.length} predicted and ${truth.length} given ratings`;
    throw new RocError("USAGE", `distributions: ${lengths}; both need a weight for every rating`);
  }
  return [normalised(predicted, "the prediction"), normalised(truth, "the truth")];
}

/**
 * Earth mover's distance as in NIMA (Talebi and Milanfar 2018, Eq. 1): the `r`-th root of the mean over the bins of
 * the `r`-th power of the differences between the cumulative distributions. In [0, 1], in units of the number of bins, not
 * of the scale. `r` = 2 is NIMA's loss, `r` = 1 what it reports.
 */
export function emd(predicted: Numbers, truth: Numbers, r: 1 | 2): number {
  const [p, q] = bothNormalised(predicted, truth);
  let difference = 0;
  const powers = p.map((value, i) => {
    difference += value - (q[i] ?? NaN);
    return Math.abs(difference) ** r;
  });
  return (powers.reduce((sum, value) => sum + value, 0) / powers.length) ** (1 / r);
}

/**
 * Kullback-Leibler divergence of the prediction from the truth, KL(truth ‖ predicted), in nats, from 0 up (scipy
 * `entropy(truth, predicted)`); `null` where it is infinite: a rating was given whose predicted probability is 0.
 */
export function kl(predicted: Numbers, truth: Numbers): number | null {
  const [p, q] = bothNormalised(predicted, truth);
  const sum = q.reduce((total, value, i) => (value === 0 ? total : total + value * Math.log(value / (p[i] ?? NaN))), 0);
  return Number.isFinite(sum) ? Math.max(0, sum) : null;
}
