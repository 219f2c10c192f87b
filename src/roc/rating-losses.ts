/**
 * Losses on distributions of scores that came after Eq. 6: DeQA's soft distribution and its pairs after Thurstone (You et
 * al., CVPR 2025; src/model/modeling_mplug_owl2.py), and the fidelity of an order (Tsai et al., SIGIR 2007; as LIQE and
 * VisualQuality-R1 take it).
 *
 * Scores of pairs are compared on a scale of 1 to 5, as there, so that a weight means the same on any scale.
 */
import { aten, fromTypedArray, zeros, type Tensor } from "../torch/index.js";
import { idTensor } from "./ids.js";
import { normalBelow, softRows } from "./soft-targets.js";
import { PAIR_LOSSES, weighed, type LossWeights } from "./weights.js";

/** Under the roots and beside the variances, as in DeQA and LIQE: gradients stay finite where a probability is 0. */
const EPSILON = 1e-8;
/** From the worst to the best on the scale that pairs are compared on. */
const SPAN = 4;

/** S ratings of a batch. */
export interface Ratings {
  /** S ground truths. */
  readonly groundTruth: readonly number[];
  /** Their standard deviations; null where unknown, which counts as 0. Default: all unknown. */
  readonly stds?: readonly (number | null)[];
  /** Ratings of different groups make no pair. Default: all are of one. */
  readonly groups?: readonly (string | number)[];
}

/** Scalars; 0 where a weight is 0 or there is no pair. */
export interface RatingLosses {
  readonly softLoss: Tensor;
  readonly thurstoneLoss: Tensor;
  readonly fidelityLoss: Tensor;
}

/**
 * The losses that are weighed.
 *
 * @param logProbabilities `[S, K]` of the K scores among themselves
 * @param values the K scores, evenly spaced, lowest first
 * @param soft `[S, K]` the same among whatever the soft distribution is learned against
 */
export function ratingLosses(
  logProbabilities: Tensor,
  ratings: Ratings,
  values: readonly number[],
  weights: LossWeights,
  soft = logProbabilities,
): RatingLosses {
  const { dtype, device } = logProbabilities;
  const zero = zeros([], { dtype, device });
  const { thurstone, fidelity } = pairLosses(logProbabilities, ratings, values, weights);
  return {
    softLoss: weights.soft ? divergence(soft, ratings, values) : zero,
    thurstoneLoss: thurstone ?? zero,
    fidelityLoss: fidelity ?? zero,
  };
}

/** The mean of `sum(target * (log target - log predicted))`. */
function divergence(predicted: Tensor, { groundTruth, stds }: Ratings, values: readonly number[]): Tensor {
  const rows = softRows(
    groundTruth.map((mean, slot) => ({ mean, std: stds?.[slot] ?? 0 })),
    values,
  );
  const target = row(rows.flat(), predicted).reshape(...predicted.shape);
  const entropy = rows.flat().reduce((total, p) => total + (p > 0 ? p * Math.log(p) : 0), 0) / rows.length;
  return target.mul(predicted).sum(-1).mean().neg().add(entropy);
}

function pairLosses(
  logProbabilities: Tensor,
  ratings: Ratings,
  values: readonly number[],
  weights: LossWeights,
): { thurstone?: Tensor; fidelity?: Tensor } {
  const pairs = weighed(weights, PAIR_LOSSES).length > 0 ? pairsOf(ratings) : [];
  if (pairs.length === 0) return {};
  const [first = 0, last = 1] = [values[0], values.at(-1)];
  const unit = SPAN / (last - first);
  const places = row(
    values.map((value) => (value - first) * unit),
    logProbabilities,
  );
  const probabilities = logProbabilities.exp();
  const scores = probabilities.mul(places).sum(-1);
  const [own, other] = [pairs.map(([slot]) => slot), pairs.map(([, slot]) => slot)];
  const each = (slots: readonly number[], all: Tensor): Tensor => all.indexSelect(0, idTensor(slots, all.device));
  const difference = each(own, scores).sub(each(other, scores));
  const found: { thurstone?: Tensor; fidelity?: Tensor } = {};
  if (weights.thurstone) {
    const variances = probabilities.mul(places.sub(scores.unsqueeze(-1)).pow(2)).sum(-1);
    const deviation = each(own, variances).add(each(other, variances)).add(EPSILON).sqrt();
    const wins = pairs.map((pair) => surenessOf(pair, ratings, unit));
    found.thurstone = fidelity(difference.div(deviation), normalBelow(wins), normalBelow(wins.map((z) => -z)));
  }
  if (weights.fidelity) {
    const wins = pairs.map((pair) => outcomeOf(pair, ratings));
    // Each score with a deviation of 1.
    const losses = wins.map((win) => 1 - win);
    found.fidelity = fidelity(difference.mul(Math.SQRT1_2), wins, losses);
  }
  return found;
}

/** By how many deviations the first rating of a pair is above the second. */
function surenessOf([own, other]: Pair, { groundTruth, stds }: Ratings, unit: number): number {
  const [ownStd, otherStd] = [(stds?.[own] ?? 0) * unit, (stds?.[other] ?? 0) * unit];
  const difference = ((groundTruth[own] as number) - (groundTruth[other] as number)) * unit;
  return difference / Math.sqrt(ownStd ** 2 + otherStd ** 2 + EPSILON);
}

/** 1 where the first rating of a pair is above the second, 0 where it is below, 1/2 for a tie. */
function outcomeOf([own, other]: Pair, { groundTruth }: Ratings): number {
  return (1 + Math.sign((groundTruth[own] as number) - (groundTruth[other] as number))) / 2;
}

type Pair = readonly [number, number];

/** Every two ratings of a group once. */
export function pairsOf({ groundTruth, groups }: Pick<Ratings, "groundTruth" | "groups">): Pair[] {
  return groundTruth.flatMap((_, a) =>
    groundTruth.flatMap((__, b) => (a < b && groups?.[a] === groups?.[b] ? [[a, b] as const] : [])),
  );
}

/**
 * The mean of `1 - sqrt(p wins) - sqrt((1 - p) losses)`, p the probability that a normal variable is below z. Both tails are
 * computed as such: 1 minus the other would lose them to rounding.
 */
function fidelity(z: Tensor, wins: readonly number[], losses: readonly number[]): Tensor {
  const part = (tail: Tensor, share: readonly number[]): Tensor =>
    aten("erfc")(tail.mul(Math.SQRT1_2)).mul(0.5).mul(row(share, z)).add(EPSILON).sqrt();
  return part(z.neg(), wins).add(part(z, losses)).neg().add(1).mean();
}

function row(values: readonly number[], like: Tensor): Tensor {
  return fromTypedArray(Float64Array.from(values), [values.length], { dtype: like.dtype, device: like.device });
}
