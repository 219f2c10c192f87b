/** Evaluation of a model, or of another system's predictions, on a data set. */
export { predictionLine, readPartial, writeTable } from "./file.js";
export { SCORE, succeeded, truthOf, type Prediction } from "./prediction.js";
export { predict, type RunOptions } from "./run.js";
export {
  summarise,
  type Figures,
  type MetricName,
  type PartSummary,
  type Summary,
  type SummaryOptions,
} from "./summary.js";
export { readSystem, type SystemPredictions } from "./system.js";
