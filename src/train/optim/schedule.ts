/** Learning rates by step: pure functions, the same factors as the schedules of Python transformers (optimization.py). */
import type { TrainOptions } from "../options.js";

export const SCHEDULES = ["constant", "linear", "cosine"] as const satisfies readonly ScheduleKind[];
/**
 * How the learning rate falls after the warm-up.
 *
 * @category Training
 */
export type ScheduleKind = "constant" | "linear" | "cosine";

export interface Schedule {
  readonly kind: ScheduleKind;
  /** Learning rate at the end of the warm-up. */
  readonly peak: number;
  /** Optimizer steps over which the rate rises linearly from 0. */
  readonly warmup: number;
  /** Optimizer steps of the whole run, warm-up included; linear and cosine reach `floor` there. */
  readonly total: number;
  /** Share of `peak` that linear and cosine end at, in [0, 1]. Default 0. */
  readonly floor?: number;
}

/** What is left of the peak at `progress` in [0, 1] after the warm-up. */
const DECAY: Readonly<Record<ScheduleKind, (progress: number) => number>> = {
  constant: () => 1,
  linear: (progress) => 1 - progress,
  cosine: (progress) => (1 + Math.cos(Math.PI * progress)) / 2,
};

/** Learning rate of optimizer step `step`, counted from 0 (which has rate 0 where there is a warm-up). */
export function learningRateAt(step: number, schedule: Schedule): number {
  const { kind, peak, warmup, total, floor = 0 } = schedule;
  if (step < warmup) return (peak * step) / warmup;
  const progress = Math.min(1, (step - warmup) / Math.max(1, total - warmup));
  const decay = DECAY[kind](progress);
  return peak * (kind === "constant" ? decay : floor + (1 - floor) * decay);
}

/** Steps of a warm-up that is given as a share of all steps, in [0, 1), or from 1 on as their number. */
export function warmupSteps(warmup: number, steps: number): number {
  return Math.round(warmup < 1 ? warmup * steps : warmup);
}

/**
 * What is left of a schedule's rate after some passes over the training part: PyTorch's MultiStepLR and StepLR.
 *
 * @param epochs passes that were completed, and of the one that is begun its share
 */
export function dropsAt(epochs: number, { drops = [], dropEvery }: Pick<TrainOptions, "drops" | "dropEvery">): number {
  const fallen = drops.filter(({ epoch }) => epoch <= epochs).reduce((product, { factor }) => product * factor, 1);
  if (!dropEvery) return fallen;
  const falls = Math.floor(epochs / dropEvery.epochs);
  return fallen * dropEvery.factor ** (dropEvery.growing === true ? (falls * (falls + 1)) / 2 : falls);
}
