/** Scoring as a library: load a checkpoint, score pictures, save one. */
export type { ScoringDtype } from "./precision.js";
export { DEMO_MODEL } from "./demo.js";
export { checkBase, digestCheckpoint, digestModel } from "./identity.js";
export { readCalibration, type Calibration } from "./calibration-file.js";
export { load, type LoadOptions } from "./load.js";
export type { BatchSize } from "./batch-size.js";
export type { Explanation, ExplainMethod, ExplainOptions, Replacement } from "./explain/types.js";
export { quantizeCheckpoint, type QuantizeOptions, type QuantizedCheckpoint } from "./quantize.js";
export { createModel } from "./model.js";
export type { ModelOptions } from "./reader.js";
export { plainOutcome, type PlainOutcome } from "./plain-outcome.js";
export { saveCheckpoint } from "./save.js";
export type {
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
} from "./types.js";
