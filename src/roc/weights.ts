/** How much each part of the score loss counts beside the text loss (Eq. 6). */

/**
 * How much each part of the score loss counts beside the text loss (Eq. 6), whose weight is 1. 0: a part is not computed
 * into the loss.
 *
 * @category The method
 */
export interface LossWeights {
  /** Smooth L1 between score and ground truth. */
  readonly l1: number;
  /** Cross-entropy between the predicted and the voted distribution. */
  readonly ce: number;
  /** Earth mover's distance between the two. */
  readonly emd: number;
}

/**
 * Name of a preset of {@link LOSS_PRESETS}.
 *
 * @category The method
 */
export type LossPreset = "paper" | "paper-ava" | "released-ava";

/**
 * Named weights: `paper` is the paper's smooth L1 everywhere, `paper-ava` adds its cross-entropy on AVA, and
 * `released-ava` is what the authors' published training script for AVA sets.
 *
 * @category The method
 */
export const LOSS_PRESETS: Readonly<Record<LossPreset, LossWeights>> = {
  paper: { l1: 1, ce: 0, emd: 0 },
  "paper-ava": { l1: 1, ce: 1, emd: 0 },
  "released-ava": { l1: 0, ce: 10, emd: 0 },
};
