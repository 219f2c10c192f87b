/** Losses that several systems are trained by. */
import { fromTypedArray, type Tensor } from "../../torch/index.js";
import { SCORE, type Answer, type Targets } from "../types.js";

/** Squares of distances below this count as none: the root has no gradient at 0. */
const NO_DISTANCE = 1e-12;

/**
 * Earth mover's distance with r = 2 (NIMA, arXiv 1709.05424, equation 1): the root of the mean square of the differences of the
 * cumulative distributions.
 *
 * @param predicted `[B, N]`
 * @param target `[B, N]`, each row summing to 1
 * @param across "picture": a distance a picture, of which the mean is taken, as published; "batch": one root over all rows
 */
export function emdLoss(predicted: Tensor, target: Tensor, across: "picture" | "batch" = "picture"): Tensor {
  const squares = squared(predicted.cumsum(1).sub(target.cumsum(1)));
  const means = across === "batch" ? squares.mean() : squares.mean(1);
  return means.clamp(NO_DISTANCE, null).sqrt().mean();
}

function squared(x: Tensor): Tensor {
  return x.mul(x);
}

/**
 * The rows of `values` whose pictures have a rating.
 *
 * @param values `[B, ...]`
 * @param scores `[B]`, NaN where a picture has none
 * @returns undefined where none has one
 */
export function ratedRows(values: Tensor, scores: Tensor): Tensor | undefined {
  const rated = scores.toNumbers().flatMap((score, row) => (Number.isNaN(score) ? [] : [BigInt(row)]));
  if (rated.length === 0) return undefined;
  if (rated.length === values.size(0)) return values;
  return values.indexSelect(0, fromTypedArray(BigInt64Array.from(rated), [rated.length], { device: values.device }));
}

/**
 * What is predicted and what is true, of the pictures that have a rating.
 *
 * @param values `[B, ...]` @param truth `[B, ...]`, such as the scores themselves @param scores see {@link ratedRows}; absent: all have one
 * @returns undefined where none has one, or nothing is true
 */
export function ratedPair(
  values: Tensor,
  truth: Tensor | undefined,
  scores: Tensor | undefined,
): readonly [values: Tensor, truth: Tensor] | undefined {
  if (!truth || !scores) return truth && [values, truth];
  const [own, wanted] = [ratedRows(values, scores), ratedRows(truth, scores)];
  return own && wanted && [own, wanted];
}

/** 0 with a gradient of 0. */
export function noLoss(values: Tensor): Tensor {
  return values.sum().mul(0);
}

/** Mean square of the differences of an output's numbers `[B]` to the ratings, of the pictures that have one. */
export function squaredLoss(answer: Answer, targets: Targets, name: string): Tensor {
  const predicted = answer.outputs[name] as Tensor;
  const scores = targets.scores[name];
  const rated = ratedPair(predicted, scores, scores);
  return rated ? squared(rated[0].sub(rated[1])).mean() : noLoss(predicted);
}

/** {@link emdLoss} of the overall score's distribution to the votes, of the pictures that have a rating. */
export function votesLoss(answer: Answer, targets: Targets, across?: "picture" | "batch"): Tensor {
  const predicted = answer.outputs[SCORE] as Tensor;
  const rated = ratedPair(predicted, targets.distribution, targets.scores[SCORE]);
  return rated ? emdLoss(...rated, across) : noLoss(predicted);
}
