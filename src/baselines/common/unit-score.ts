/** Numbers that networks predict as shares of a scale: 0 is its lowest score and 1 its highest. */
import type { Tensor } from "../../torch/index.js";
import type { Answer, Loss, Output, Targets } from "../types.js";
import { squaredLoss, votesLoss } from "./losses.js";

/** Shares of the scale to scores on it. @param shares any shape */
export function onScale(shares: Tensor, { scale }: Output): Tensor {
  return shares.mul(scale.max - scale.min).add(scale.min);
}

/** The mean squared error of shares, of the pictures that have a rating: the authors divide scores from 0 to 10 by 10. */
export function shareLoss(answer: Answer, targets: Targets, { name, scale }: Output): Tensor {
  return squaredLoss(answer, targets, name).div((scale.max - scale.min) ** 2);
}

/** As TANet and EAT are trained: by {@link shareLoss}, or, of a distribution, by one root over all pictures and bins. */
export function ratingLoss(answer: Answer, targets: Targets, output: Output): Loss {
  if (output.values) {
    const emd = votesLoss(answer, targets, "batch");
    return { loss: emd, terms: { emd } };
  }
  const mse = shareLoss(answer, targets, output);
  return { loss: mse, terms: { mse } };
}
