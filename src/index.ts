/**
 * roc4mllm: scores photos with a multimodal language model trained by the ROC4MLLM method.
 *
 *     import { load } from "roc4mllm";
 *
 *     using model = await load("path/to/checkpoint");
 *     console.log((await model.scoreOne("photo.jpg")).score);
 *     for await (const result of model.score(["a.jpg", "b.jpg"])) {
 *       if ("error" in result) console.error(result.error.message);
 *       else console.log(result.file, result.score, "+/-", result.std);
 *     }
 *
 * The first parts are all that scoring and training need. The others are for those who extend or check the method:
 * models, the score vocabulary, the loss, generation, and `torch`, the tensors underneath.
 */

// --- scoring ------------------------------------------------------------------------------------------------------

export { DEMO_MODEL, load } from "./engine/index.js";
export type {
  LoadOptions,
  Model,
  ScoreFailure,
  ScoreInput,
  ScoreInputs,
  ScoreOptions,
  ScoreResult,
} from "./engine/index.js";
export { ERROR_CODES, isRocError, RocError, type ErrorCode } from "./errors.js";

// --- evaluation and data sets -------------------------------------------------------------------------------------
// What the commands `eval`, `compare`, `report`, `data check` and `studio` do; loaded when it is called.

export { evaluate } from "./eval/evaluate.js";
export type { EvaluateOptions, EvaluationProgress, EvaluationResult, EvaluationSpec } from "./eval/spec.js";
export { compareRuns, type CompareRunsOptions, type RunComparison } from "./eval/compare-runs.js";
export { writeReport, type WriteReportOptions, type WrittenPage } from "./report/write-report.js";
export { checkData, type CheckDataOptions, type CheckDataSpec } from "./data/check-data.js";
export { writeStudioFormats, writeStudioGallery, type WriteGalleryOptions } from "./studio/write-on-call.js";
export type { WriteFormatsOptions, WrittenFormats } from "./studio/write.js";
export type { Prediction, RunSummary } from "./eval/index.js";
export type { DataReport, DatasetKind, DatasetRequest, LoadedDataset, Sample, Split } from "./data/index.js";
export { readDataset } from "./data/read-dataset.js";
export type { ScoreScale } from "./data/index.js";

// --- training -----------------------------------------------------------------------------------------------------

export { readTrainingConfig, trainModel } from "./train/start/train-model.js";
export { planTraining } from "./train/start/plan-training.js";
export type {
  Agreement,
  CheckpointEvent,
  DataFolder,
  DataInMemory,
  EndEvent,
  LoraRecipe,
  ModelFolders,
  ModelPlan,
  ModelResolution,
  NoteEvent,
  PlanOptions,
  StartEvent,
  StepEvent,
  TrainEvent,
  TrainingOptions,
  TrainingPlan,
  TrainingRecipe,
  TrainingResult,
  TrainingSpec,
  TrainingSteps,
  TrainOptions,
  ValidationEvent,
} from "./train/index.js";

// --- models and checkpoints ---------------------------------------------------------------------------------------

export { createModel, saveCheckpoint } from "./engine/index.js";
export { families, loadMllm } from "./models/registry.js";
export { saveMllm } from "./models/save.js";
export { createLlava } from "./models/llava/index.js";
export { mapSource, randomSource, type ParamSource } from "./nn/params.js";
export type { Cache, ImageBatch, Mllm, MllmInput, MllmProcessor, Turn } from "./models/types.js";
export type { Tokenizer } from "./tokenizers/index.js";
export { decodeImage, type DecodeOptions, type ImageInput, type RgbImage } from "./image/index.js";

// --- generation ---------------------------------------------------------------------------------------------------

export { generateStream, readGenerationConfig } from "./generation/index.js";
export type { GeneratedSequence, GenerationOptions, Prompt, Sampling } from "./generation/index.js";

// --- the method ---------------------------------------------------------------------------------------------------

export {
  addScoreTokens,
  DEFAULT_TEMPLATES,
  generate,
  generateAsync,
  loadTemplates,
  LOSS_PRESETS,
  rocLoss,
  scoreByPrefill,
  toScale,
  vocabularyFromConfig,
  voteTargets,
  type Generation,
  type GenerateOptions,
  type GenerationStep,
  type LossWeights,
  type RocLoss,
  type RocLossInput,
  type RocTemplates,
  type Scale,
  type ScoreReading,
  type ScoreTokenOptions,
  type ScoreVocabulary,
  type ScoringParts,
} from "./roc/index.js";

/** Tensors and operators of libtorch: `torch.tensor([1, 2])`, `torch.aten("add.Tensor")`, `torch.scope(() => ...)`. */
export * as torch from "./torch/index.js";
