/** What determines a run; known to the command line before libtorch is loaded. */
import type { ScheduleKind } from "./schedule.js";

export const PRECISIONS = ["float32", "bfloat16"] as const;
/** What matrix products are computed in. */
export type Precision = (typeof PRECISIONS)[number];

/** All numbers that determine a run, beside its data, its texts and the weights it starts from. */
export interface TrainOptions {
  readonly seed: number;
  /** Optimizer steps. */
  readonly steps: number;
  /** Samples of one forward. */
  readonly batchSize: number;
  /** Forwards whose gradients are averaged for one optimizer step. */
  readonly accumulation: number;
  readonly learningRate: number;
  readonly schedule: ScheduleKind;
  /** Share of the steps over which the rate rises, in [0, 1). */
  readonly warmup: number;
  readonly weightDecay: number;
  readonly betas: readonly [number, number];
  /** Greatest global norm of the gradients. */
  readonly maxNorm: number;
  /** Show every other picture mirrored. */
  readonly flip: boolean;
  /** "auto": bfloat16 where it is faster, measured once and kept with the state. */
  readonly precision: Precision | "auto";
  /** Steps between validations, each followed by a state. */
  readonly every: number;
}
