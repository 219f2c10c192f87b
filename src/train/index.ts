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
export { openLatestState, type SavedState } from "./run/checkpoint.js";
export { decayGroups, RuleOptimizer, type Optimizer, type ParameterGroup } from "./optim/optimizer.js";
export { adamW } from "./optim/rules.js";
export { collate, TextCache } from "./data/collate.js";
export { strategyObjective, type LossCounts, type Objective, type Picture } from "./loop/objective.js";
export { PixelCache } from "./data/pixels.js";
export type { LoraTraining, TrainOptions } from "./options.js";
export { parameterGroups, trainedParameters } from "./optim/groups.js";
export { train } from "./loop/train.js";
export { describeEnvironment, type RunEnvironment } from "./run/metrics-file.js";
export { inGroup } from "./loop/distributed.js";
export type { TrainingOptions, TrainingResult } from "./start/call.js";
export type { PlanOptions } from "./start/call.js";
export type {
  DataFolder,
  DataInMemory,
  LoraRecipe,
  ModelFolders,
  ModelResolution,
  TrainingRecipe,
  TrainingSpec,
} from "./start/spec.js";
export type { ModelPlan, TrainingPlan, TrainingSteps } from "./start/plan.js";
export { checkAnswers, lossNotes, planNotes, untrainedLabels } from "./start/warnings.js";
export { runTraining, type RunPlan } from "./start/run-training.js";
export { reopen, checkStart, startFrom, startSettings, type Trainable } from "./start/start.js";
