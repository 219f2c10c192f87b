/** Evaluation of a model, or of another system's predictions, on a data set. */
export { METRIC_NAMES, type Figures, type MetricName } from "../metrics/agreement.js";
export { readKept, readTable, writeTable } from "./predictions-file.js";
export { readEvaluation, type Evaluation } from "./evaluation.js";
export { ratedOf, SCORE, succeeded, type Prediction, type Rated } from "./prediction.js";
export { predict, type RunOptions } from "./predict.js";
export {
  coverageFigures,
  pairsOf,
  ratingsOf,
  summarise,
  type PartSummary,
  type Summary,
  type SummaryOptions,
} from "./summary.js";
export { versus, type Versus } from "./comparison.js";
export { readSystem, type SystemPredictions } from "./system.js";
export { readSummary, SUMMARY_FILE, type Provenance, type RunSummary } from "./summary-file.js";
