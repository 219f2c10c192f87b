/** How much each part of the score loss counts beside the text loss (Eq. 6). */
import { RocError } from "../errors.js";
import type { ReadingName, StrategyName } from "./strategy-names.js";

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
  /** Divergence of the predicted distribution from DeQA's soft one of the rating's mean and deviation. Default 0. */
  readonly soft?: number | undefined;
  /** DeQA's fidelity of pairs: how surely one picture beats another, by both ratings' deviations. Default 0. */
  readonly thurstone?: number | undefined;
  /** Fidelity of the order of pairs (UNIQUE, LIQE, VisualQuality-R1). Default 0. */
  readonly fidelity?: number | undefined;
}

/** Losses on a distribution of scores that `level` can take too, beside those of Eq. 6. */
export const RATING_LOSSES = ["soft", "thurstone", "fidelity"] as const;
/** Those between the pictures of a batch. */
export const PAIR_LOSSES = ["thurstone", "fidelity"] as const satisfies readonly (typeof RATING_LOSSES)[number][];

/** The losses of a list whose weight is not 0. */
export function weighed<Name extends keyof LossWeights>(weights: LossWeights, names: readonly Name[]): Name[] {
  return names.filter((name) => (weights[name] ?? 0) !== 0);
}

/**
 * Refuses losses that a strategy has no distribution for.
 * @throws RocError CONFIG_INVALID naming them
 */
export function checkLoss(strategy: ReadingName, weights: LossWeights): void {
  const names = weighed(weights, RATING_LOSSES);
  if (names.length === 0 || ["roc", "coupled", "level", "set"].includes(strategy)) return;
  const remedy = "Take strategy roc, coupled, level or set, or leave them out of loss.";
  const message = `The loss weighs ${names.join(", ")}, which ${names.length > 1 ? "need" : "needs"} a distribution over scores`;
  throw new RocError("CONFIG_INVALID", `${message}; strategy ${strategy} has none that is trained. ${remedy}`);
}

/** The weights that act in training by a strategy, the text loss among them. */
export function actingWeights(strategy: StrategyName, weights: LossWeights): Record<string, number> {
  const names = [
    ...(["roc", "coupled", "set"].includes(strategy) ? (["l1", "ce", "emd"] as const) : []),
    ...RATING_LOSSES,
  ];
  return { text: 1, ...Object.fromEntries(weighed(weights, names).map((name) => [name, weights[name] ?? 0])) };
}

/** Whether the deviations of ratings are trained. */
export function usesStds(weights: LossWeights): boolean {
  return weighed(weights, ["soft", "thurstone"]).length > 0;
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
