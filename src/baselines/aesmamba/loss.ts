/** How AesMamba is trained: squares, EMD, and which class a picture is of. */
import { aten, fromTypedArray, type Tensor } from "../../torch/index.js";
import { noLoss, ratedPair, squaredLoss, votesLoss } from "../common/losses.js";
import { SCORE, type Answer, type Loss, type Targets } from "../types.js";
import type { AesMambaConfig } from "./config.js";

const crossEntropy = aten("binary_cross_entropy_with_logits");

/** libtorch's number of the mean. */
const MEAN = 1;

/** Weight of the squares of a distribution. */
const SQUARES = 10;

/**
 * Of a distribution 10 times the mean square of its weights and EMD; of a number the mean square on its own scale; and the classes'
 * term by its weight.
 *
 * @param classes `[B, classes]`, logits
 */
export function aesMambaLoss(config: AesMambaConfig, answer: Answer, classes: Tensor, targets: Targets): Loss {
  const mse = config.score.values ? votesSquares(answer, targets) : squaredLoss(answer, targets, SCORE);
  const terms: Record<string, Tensor> = { mse };
  let loss = mse;
  if (config.score.values) {
    terms["emd"] = votesLoss(answer, targets);
    loss = mse.mul(SQUARES).add(terms["emd"]);
  }
  if (config.classWeight > 0) {
    terms["classes"] = classLoss(config, classes, targets);
    loss = loss.add(terms["classes"].mul(config.classWeight));
  }
  return { loss, terms };
}

/** Mean square of the differences of predicted and true weights, of the pictures with a rating. */
function votesSquares(answer: Answer, { distribution, scores }: Targets): Tensor {
  const predicted = answer.outputs[SCORE] as Tensor;
  const rated = ratedPair(predicted, distribution, scores[SCORE]);
  if (!rated) return noLoss(predicted);
  const difference = rated[0].sub(rated[1]);
  return difference.mul(difference).mean();
}

/** Binary cross entropies of each class against the others, summed over the classes; classes are even parts of the scale. */
function classLoss({ score, classes, classCounts }: AesMambaConfig, logits: Tensor, targets: Targets): Tensor {
  const scores = targets.scores[SCORE];
  const pair = ratedPair(logits, scores, scores);
  if (!pair) return noLoss(logits);
  const [rated, ratings] = pair;
  const { min, max } = score.scale;
  const values = ratings.toNumbers();
  const wanted = new Float32Array(values.length * classes);
  values.forEach((value, row) => {
    const share = Math.floor(((value - min) / (max - min)) * classes);
    wanted[row * classes + Math.min(Math.max(share, 0), classes - 1)] = 1;
  });
  const { dtype, device } = logits;
  const truth = fromTypedArray(wanted, [values.length, classes], { device }).to(dtype);
  const seen = classCounts ? rated.add(fromTypedArray(balance(classCounts), [classes], { device }).to(dtype)) : rated;
  return crossEntropy(seen, truth, null, null, MEAN).mul(classes);
}

/** The logarithm of the odds of each class: what logits of a class that is rare are lowered by in training. */
function balance(counts: readonly number[]): Float32Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return Float32Array.from(counts, (count) => Math.log(count / total) - Math.log(1 - count / total));
}
