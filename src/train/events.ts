/** What a run reports as it trains. */
import type { Precision } from "./options.js";

/** How well the predictions on a validation or test part agree with the ratings, on the data set's scale. */
export interface Agreement {
  /** null: not defined, e.g. where all predictions are equal. */
  readonly srcc: number | null;
  readonly plcc: number | null;
  /** null: no answer could be understood. */
  readonly mae: number | null;
  /** Pictures that the figures are of. */
  readonly count: number;
  /** Pictures whose answer could not be understood; they are in no figure. */
  readonly failed: number;
}

export interface StartEvent {
  readonly type: "start";
  /** Optimizer steps already done: 0, or where the run resumes. */
  readonly step: number;
  readonly totalSteps: number;
  readonly trainSamples: number;
  readonly validationSamples: number;
  /** Number of trained weights. */
  readonly parameters: number;
  readonly precision: Precision;
}

export interface StepEvent {
  readonly type: "step";
  /** Optimizer steps done. */
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly loss: number;
  /** Unweighted terms of the loss. */
  readonly terms: Readonly<Record<string, number>>;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  /** Over the last steps. */
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
}

export interface ValidationEvent extends Agreement {
  readonly type: "validation";
  readonly step: number;
  /** Whether all answers were understood and no earlier such validation had as high an SRCC. */
  readonly best: boolean;
}

export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly step: number;
  readonly folder: string;
}

export interface EndEvent {
  readonly type: "end";
  readonly step: number;
  /** Seconds of training, over all processes that took part. */
  readonly seconds: number;
  readonly precision: Precision;
  readonly best: { readonly step: number; readonly srcc: number | null; readonly folder: string } | null;
  /** The last state. */
  readonly folder: string;
  /** All steps were taken, or validations did not get better for as long as `patience` says. */
  readonly reason: "steps" | "patience";
}

/** What a person should know: a picture that is left out, data that have changed. */
export interface NoteEvent {
  readonly type: "note";
  readonly step: number;
  readonly text: string;
  /** Under torchrun: the process that it is about, where that is not the first. */
  readonly rank?: number;
}

export type TrainEvent = NoteEvent | StartEvent | StepEvent | ValidationEvent | CheckpointEvent | EndEvent;
