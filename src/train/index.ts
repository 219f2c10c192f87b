/** Training: from rated pictures and a checkpoint to a better one, in a run folder that resumes. */
export type {
  Agreement,
  CheckpointEvent,
  EndEvent,
  NoteEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
  ValidationEvent,
} from "./events.js";
export { clearRun, openLatestState, stepFolder, type SavedState, type TrainerState } from "./checkpoint.js";
export { AdamW, decayGroups, type AdamWOptions, type Optimizer, type ParameterGroup } from "./optimizer.js";
export { clipGradients } from "./clip.js";
export { learningRateAt, SCHEDULES, type Schedule, type ScheduleKind } from "./schedule.js";
export { collate, TextCache, type Batch, type Example, type Label } from "./collate.js";
export { strategyObjective, type BatchLoss, type LossCounts, type Objective, type Picture } from "./objective.js";
export { PixelCache } from "./pixels.js";
export { PRECISIONS, VOCABULARY_PARTS } from "./options.js";
export type { GroupRule, LoraTraining, ParameterPattern, Precision, TrainOptions, VocabularyPart } from "./options.js";
export { parameterGroups, trainedParameters, type Trained } from "./groups.js";
export { train, type TrainTask } from "./loop.js";
export { agreement, type AgreementOptions } from "./validate.js";
export { describeEnvironment, type RunEnvironment } from "./metrics-file.js";
export { inGroup } from "./distributed.js";
export { describePlan, describeSteps, runData } from "./plan.js";
export type { PlanDescription, RunData, StepsDescription } from "./plan.js";
export { checkAnswers, planNotes, untrainedLabels } from "./unused.js";
export { runTraining, type RunPlan } from "./run.js";
export {
  reopen,
  checkStart,
  startFrom,
  startSettings,
  type StartOptions,
  type Trainable,
  USUAL_SCALE,
} from "./trainable.js";
export { makeDemo, type DemoOptions } from "../studies/demo/make.js";
export type { DemoReport } from "../studies/demo/card.js";
