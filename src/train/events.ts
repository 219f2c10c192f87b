/** What a run reports as it trains. */
import type { Precision } from "./options.js";

/**
 * How well the predictions on a validation or test part agree with the ratings, on the data set's scale.
 *
 * @category Training
 */
export interface Agreement {
  /** Spearman's correlation; null: not defined, e.g. where all predictions are equal. */
  readonly srcc: number | null;
  /** Pearson's correlation; null: not defined. */
  readonly plcc: number | null;
  /** Mean absolute error; null: no answer could be understood. */
  readonly mae: number | null;
  /** Pictures that the figures are of. */
  readonly count: number;
  /** Pictures whose answer could not be understood; they are in no figure. */
  readonly failed: number;
}

/**
 * The run begins or resumes.
 *
 * @category Training
 */
export interface StartEvent {
  /** Tells the events apart. */
  readonly type: "start";
  /** Optimizer steps already done: 0, or where the run resumes. */
  readonly step: number;
  /** Optimizer steps of the whole run. */
  readonly totalSteps: number;
  /** Pictures to train on; of a run over raters: ratings. */
  readonly trainSamples: number;
  /** Of the strategy `set`: the sets that these pictures make, which batches and epochs count. */
  readonly sets?: number;
  /** Of a run over raters: how many there are, which epochs count. */
  readonly raters?: number;
  /** Pictures to validate with. */
  readonly validationSamples: number;
  /** Number of trained weights. */
  readonly parameters: number;
  /** What matrix products are computed in. */
  readonly precision: Precision;
}

/**
 * An optimizer step was taken.
 *
 * @category Training
 */
export interface StepEvent {
  /** Tells the events apart. */
  readonly type: "step";
  /** Optimizer steps done. */
  readonly step: number;
  /** Optimizer steps of the whole run. */
  readonly totalSteps: number;
  /** Passes over the training part that were begun before, from 0. */
  readonly epoch: number;
  /** Weighted sum of the terms (Eq. 6). */
  readonly loss: number;
  /** Unweighted terms of the loss. */
  readonly terms: Readonly<Record<string, number>>;
  /** Of this step. */
  readonly learningRate: number;
  /** Global norm of the gradients, before clipping. */
  readonly gradientNorm: number;
  /** Over the last steps; of sets with all their pictures. */
  readonly imagesPerSecond: number;
  /** Estimated seconds until the last step. */
  readonly secondsLeft: number;
}

/**
 * A validation was made.
 *
 * @category Training
 */
export interface ValidationEvent extends Agreement {
  /** Tells the events apart. */
  readonly type: "validation";
  /** Optimizer steps done. */
  readonly step: number;
  /**
   * Whether all answers were understood, and no earlier such validation had a higher SRCC, or as high a one and a lower MAE.
   */
  readonly best: boolean;
}

/**
 * A state was written.
 *
 * @category Training
 */
export interface CheckpointEvent {
  /** Tells the events apart. */
  readonly type: "checkpoint";
  /** Optimizer steps done. */
  readonly step: number;
  /** Folder of the state. */
  readonly folder: string;
}

/**
 * The state of the best validation.
 *
 * @category Training
 */
export interface BestState {
  /** Optimizer steps taken before it. */
  readonly step: number;
  /** Of the validation; null: not defined. */
  readonly srcc: number | null;
  /** Its folder. */
  readonly folder: string;
}

/**
 * The run has ended.
 *
 * @category Training
 */
export interface EndEvent {
  /** Tells the events apart. */
  readonly type: "end";
  /** Optimizer steps done. */
  readonly step: number;
  /** Seconds of training, over all processes that took part. */
  readonly seconds: number;
  /** What matrix products are computed in. */
  readonly precision: Precision;
  /** The state of the best validation; null where none was made or none is kept. */
  readonly best: BestState | null;
  /** The last state. */
  readonly folder: string;
  /** All steps were taken, or validations did not get better for as long as `patience` says. */
  readonly reason: "steps" | "patience";
}

/**
 * What a person should know: a picture that is skipped, data that have changed.
 *
 * @category Training
 */
export interface NoteEvent {
  /** Tells the events apart. */
  readonly type: "note";
  /** Optimizer steps done. */
  readonly step: number;
  /** The sentence. */
  readonly text: string;
  /** Under torchrun: the process that it is about, where that is not the first. */
  readonly rank?: number;
}

/**
 * What a run reports, told apart by `type`.
 *
 * @category Training
 */
export type TrainEvent = NoteEvent | StartEvent | StepEvent | ValidationEvent | CheckpointEvent | EndEvent;
