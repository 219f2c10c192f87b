/**
 * roc4mllm: scores photos with a multimodal language model trained by the ROC4MLLM method.
 *
 * The first parts are all that scoring, evaluation and training need. The others are for those who extend or check the
 * method: models, the score vocabulary, the loss, generation, and `torch`, the tensors underneath. `npm run docs:api` makes the
 * reference of all that is here, with a `@category` for its topic and no name without a docstring.
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, load } from "roc4mllm";
 *
 * using model = await load(DEMO_MODEL);
 * console.log((await model.scoreOne("photo.jpg")).score);
 * for await (const result of model.score(["a.jpg", "b.jpg"])) {
 *   if ("error" in result) console.error(result.error.message);
 *   else console.log(result.file, result.score, "+/-", result.std);
 * }
 * ```
 *
 * @module roc4mllm
 */

// --- scoring ------------------------------------------------------------------------------------------------------

export { DEMO_MODEL, load, readCalibration } from "./engine/index.js";
export type {
  Calibration,
  Explanation,
  ExplainMethod,
  ExplainOptions,
  Replacement,
  LoadOptions,
  Model,
  NamedImage,
  QuestionAnswer,
  ScoreFailure,
  ScoreInput,
  ScoreInputs,
  ScoreInterval,
  ScoreOptions,
  ScoreResult,
  ScoringMethod,
  ScoringSystem,
  WrittenPiece,
} from "./engine/index.js";
export type { WrittenText } from "./roc/question.js";
export { compare, type CompareOptions, type PictureComparison, type PlaceEffect } from "./engine/compare.js";
export { bestOf, type BestOf, type ComparedBy, type Judged } from "./metrics/best-of.js";
export { advise, type AdvisedPhoto } from "./advice/advise.js";
export type { Advice, AdviseOptions, Gain, Suggestion } from "./advice/types.js";
export type { Crop, CropAspect, EditKind, Edits } from "./image/edits/index.js";
export { ERROR_CODES, isRocError, RocError, type ErrorCode } from "./errors.js";

// --- photos: a library, culling, sidecars ----------------------------------------------------------------------------
// What the commands `library` and `cull` do; loaded when it is called.

export { cullPhotos, learnTaste, openLibrary, scanPhotos, undoCulling } from "./library/on-call.js";
export type { Culling, CullPhotosOptions, PhotoLibrary } from "./library/on-call.js";
export type { Judge, Photo, PhotoPage, PhotoQuery, StoredScore, TasteScore } from "./library/catalog.js";
export type { Sort as PhotoSort } from "./library/catalog.js";
export type { CullFailure } from "./library/culling/cull.js";
export type { CullGroup, CullOptions, GroupKind, GroupMember, Labels, PlannedPhoto } from "./library/culling/plan.js";
export type { StarShare } from "./library/culling/stars.js";
export type { Compared as ComparedFigure, TasteGain } from "./library/taste/gain.js";
export type { LearnedTaste } from "./library/taste/learn-in.js";
export type { LearnTasteOptions } from "./library/taste/on-call.js";
export type { TasteSource } from "./library/taste/ratings.js";
export type { AskedTaste, Taste } from "./library/taste/tastes.js";
export type { Undone } from "./library/culling/undo.js";
export type { ScanPhotosOptions, ScanSummary } from "./library/scan/scan.js";
export { readSidecar, sidecarsOf, writeSidecar } from "./photos/xmp.js";
export type { SidecarChange, SidecarContent, SidecarField, SidecarNaming, SidecarPlan } from "./photos/xmp.js";
export type { SidecarWrite, WriteOptions as SidecarOptions } from "./photos/xmp.js";

// --- evaluation and data sets -------------------------------------------------------------------------------------
// What the commands `eval`, `compare`, `report`, `data check` and `studio` do; loaded when it is called.

export { evaluate } from "./eval/evaluate.js";
export type * from "./eval/spec.js";
export { calibrate, type CalibrationResult, type CalibrationSpec } from "./eval/calibrate.js";
export type { Calibrated, Conformal, ConformalMethod } from "./metrics/conformal.js";
export type { CountedShare } from "./metrics/beta.js";
export type { IntervalFigures, IntervalPart } from "./metrics/interval-figures.js";
export { compareRuns, type CompareRunsOptions, type RunComparison } from "./eval/compare-runs.js";
export { writeReport, type WriteReportOptions, type WrittenPage } from "./report/write-report.js";
export { checkData, type CheckDataOptions, type CheckDataSpec } from "./data/check-data.js";
export { writeStudioFormats, writeStudioGallery } from "./studio/write-on-call.js";
export type { WriteGalleryOptions, WrittenGallery } from "./studio/write-on-call.js";
export type { FormatFolder, WriteFormatsOptions, WrittenFormats } from "./studio/write.js";
export type { StudioRecipe } from "./studio/recipe.js";
export type { StudioFormatName } from "./studio/formats/index.js";
export type { Prediction, RunSummary } from "./eval/index.js";
export type { CaptionFigures } from "./eval/caption-figures.js";
export type { TableFormat } from "./eval/folder.js";
export type { OnnxSettings } from "./eval/onnx/settings.js";
export type { AttributeFigures, PartSummary } from "./eval/summary.js";
export type { AskedMethod, Provenance } from "./eval/summary-file.js";
export type { Figures, MetricName } from "./metrics/agreement.js";
export type { Comparison, Interval } from "./metrics/bootstrap.js";
export type { SetAccuracy, SetFigures } from "./metrics/sets.js";
export type { PartFigures } from "./metrics/breakdown.js";
export type { Coverage } from "./metrics/calibration.js";
export type {
  DataReport,
  DatasetKind,
  DatasetRequest,
  LoadedDataset,
  OnProgress,
  Sample,
  Split,
} from "./data/index.js";
export type {
  ColumnReport,
  ColumnSummary,
  Finding,
  Problem,
  ProblemKind,
  RowCounts,
  SetCounts,
} from "./data/doctor/data-report.js";
export type { SeedPart } from "./random.js";
export { readDataset } from "./data/read-dataset.js";
export type { RatedDataset, Rating, ReaderOptions, ScoreColumn, ScoreScale } from "./data/index.js";

// --- training -----------------------------------------------------------------------------------------------------

export { readTrainingConfig, trainModel } from "./train/start/train-model.js";
export {
  createBaseline,
  type NewBaseline,
  type NewBaselineOutput,
  type NewBaselineSpec,
} from "./train/start/new-baseline.js";
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
export type { BestState } from "./train/events.js";
export type { LoraOptions } from "./models/lora.js";
export type {
  GroupRule,
  LoraTraining,
  KeptWeights,
  OptimizerKind,
  ParameterPattern,
  Precision,
  RateDecay,
  RateDrop,
  RaterTasks,
  VocabularyPart,
} from "./train/options.js";
export type { ScheduleKind } from "./train/optim/schedule.js";
export type { PartSize, PlannedOutput } from "./train/start/plan.js";
export type { TorchrunEnvironment } from "./train/start/torchrun.js";
export type { OnWarning } from "./train/start/warnings.js";

// --- studies: many runs, compared -----------------------------------------------------------------------------------

export { reproduce } from "./studies/paper/reproduce.js";
export type { PlannedRun, ReproduceOptions, Reproduction, ReproductionProgress, ReproductionSpec } from "./studies/paper/spec.js"; // prettier-ignore
export { formatTable, type TableForm } from "./studies/paper/render.js";
export type { ComparedCell, ComparedRow, ComparedTable, Need, Ours } from "./studies/paper/filled-table.js";
export type { RunProgress } from "./studies/paper/make-run.js";
export type {
  Backbone,
  DatasetKey,
  PrintedCell,
  PublishedTable,
  RowSystem,
  TableColumn,
  TableMetric,
  TableRow,
  TableStart,
} from "./studies/paper/types.js";
export { leaderboard, leaderboardText } from "./studies/paper/leaderboard.js";
export type { Leaderboard, LeaderboardEntry, LeaderboardSpec, RankedDataset } from "./studies/paper/leaderboard.js";
export { readExperiment, runExperiment } from "./studies/claims/experiment.js";
export type { ExperimentEvent, ResultsWritten, ExperimentOptions } from "./studies/claims/options.js";
export type { ExperimentChanges, ExperimentConfig } from "./studies/claims/config.js";
export type { Answer, Claim, Finding as ClaimFinding, MainFigure, Verdict } from "./studies/claims/claims.js";
export type {
  Difference,
  Differences,
  FigureName,
  PooledFigure,
  PooledFigures,
} from "./studies/claims/pooled-figures.js";
export type { BaseRecord } from "./studies/claims/pretrain.js";
export type { ArmResult, ExperimentResults } from "./studies/claims/results.js";
export type { Arm } from "./studies/claims/runs.js";
export type {
  ComposeProgress,
  JobBegun,
  JobDone,
  JobEvent,
  JobProgress,
  JobsEnded,
  JobsPlanned,
} from "./studies/runner.js";
export type { RunEnvironment } from "./train/run/metrics-file.js";

// --- models and checkpoints ---------------------------------------------------------------------------------------

export { createModel, quantizeCheckpoint, saveCheckpoint } from "./engine/index.js";
export type { BatchSize, ModelOptions, QuantizedCheckpoint, QuantizeOptions, ScoringDtype } from "./engine/index.js";
export { families } from "./models/families.js";
export { loadMllm, type Loaded as LoadedMllm } from "./models/registry.js";
export { saveMllm } from "./models/save.js";
export { createLlava } from "./models/llava/index.js";
export { mapSource, randomSource } from "./nn/params.js";
export type { Init as ParamInit, InitNormal, InitTable, InitUniform, ParamSource, ParamUse } from "./nn/params.js";
export type {
  Cache,
  CacheOptions,
  ImageBatch,
  ImageInputs,
  Mllm,
  MllmInput,
  MllmProcessor,
  PromptOptions,
} from "./models/types.js";
export type { Packing } from "./models/packing.js";
export type { LoadOptions as MllmLoadOptions, ProcessorOptions, Quantization } from "./models/types.js";
export type { Tokenizer } from "./tokenizers/index.js";
export {
  decodeImage,
  type DecodeOptions,
  type ImageInput,
  type ResizeMode,
  type RgbImage,
  type StoredImage,
} from "./image/index.js";

// --- generation ---------------------------------------------------------------------------------------------------

export { generateStream, readGenerationConfig } from "./generation/index.js";
export type {
  Finished,
  GeneratedSequence,
  GenerationOptions,
  GenerationStep as BatchStep,
  ModelStep,
  Prompt,
  Sampling,
  StepToken,
} from "./generation/types.js";

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
  softTargets,
  toScale,
  vocabularyFromConfig,
  voteTargets,
  type Generation,
  type GenerateOptions,
  type GenerationStep,
  type LossPreset,
  type LossWeights,
  type Pictures,
  type PaperStrategy,
  type PictureText,
  type Question,
  type RocLoss,
  type RocLossInput,
  type ReadingName,
  type RocTemplates,
  type Scale,
  type ScoreReading,
  type ScorerInfo,
  type ScorerOptions,
  type ScoreTokenOptions,
  type ScoreVocabulary,
  type ScoringParts,
  type Strategy,
  type StrategyName,
  type StrategyParts,
} from "./roc/index.js";
export type { LogitReading } from "./roc/reading.js";
export type { AnswerReading } from "./roc/strategy.js";

/**
 * Tensors and operators of libtorch: `torch.tensor([1, 2])`, `torch.aten("add.Tensor")`, `torch.scope(() => ...)`.
 *
 * @category Torch
 */
export * as torch from "./torch/index.js";
