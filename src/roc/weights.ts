/** How much each part of the score loss counts beside the text loss (Eq. 6). */

export interface LossWeights {
  /** Smooth L1 between score and ground truth. */
  readonly l1: number;
  /** Cross-entropy between the predicted and the voted distribution. */
  readonly ce: number;
  /** Earth mover's distance between the two. */
  readonly emd: number;
}

/**
 * Named weights: `paper` is the paper's smooth L1 everywhere, `paper-ava` adds its cross-entropy on AVA, and
 * `released-ava` is what the authors' published training script for AVA sets.
 */
export const LOSS_PRESETS = {
  paper: { l1: 1, ce: 0, emd: 0 },
  "paper-ava": { l1: 1, ce: 1, emd: 0 },
  "released-ava": { l1: 0, ce: 10, emd: 0 },
} as const satisfies Record<string, LossWeights>;
