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
export { clearRun, openLatestState, stepFolder, type SavedState, type TrainerState } from "./run/checkpoint.js";
export { AdamW, decayGroups, type AdamWOptions, type Optimizer, type ParameterGroup } from "./optim/adamw.js";
export { clipGradients } from "./optim/clip.js";
export { learningRateAt, SCHEDULES, type Schedule, type ScheduleKind } from "./optim/schedule.js";
export { collate, TextCache, type Batch, type Example, type Label } from "./data/collate.js";
export { strategyObjective, type BatchLoss, type LossCounts, type Objective, type Picture } from "./loop/objective.js";
export { PixelCache } from "./data/pixels.js";
export { PRECISIONS, VOCABULARY_PARTS } from "./options.js";
export type { GroupRule, LoraTraining, ParameterPattern, Precision, TrainOptions, VocabularyPart } from "./options.js";
export { parameterGroups, trainedParameters, type Trained } from "./optim/groups.js";
export { train, type TrainTask } from "./loop/train.js";
export { agreement, type AgreementOptions } from "./loop/validate.js";
export { describeEnvironment, type RunEnvironment } from "./run/metrics-file.js";
export { inGroup } from "./loop/distributed.js";
export { describePlan, describeSteps, runData } from "./start/plan.js";
export type { PlanDescription, RunData, StepsDescription } from "./start/plan.js";
export { checkAnswers, planNotes, untrainedLabels } from "./start/unused.js";
export { runTraining, type RunPlan } from "./start/run-training.js";
export {
  reopen,
  checkStart,
  startFrom,
  startSettings,
  type StartOptions,
  type Trainable,
  USUAL_SCALE,
} from "./start/start.js";
