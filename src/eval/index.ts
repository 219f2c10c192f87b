/** Evaluation of a model, or of another system's predictions, on a data set. */
export { METRIC_NAMES, type Figures } from "../metrics/agreement.js";
export { readKept, readTable, writeTable } from "./predictions-file.js";
export { readEvaluation } from "./evaluation.js";
export { ratedOf, SCORE, type Prediction } from "./prediction.js";
export { predict } from "./predict.js";
export { coverageFigures, ratingsOf, summarise, type Summary } from "./summary.js";
export { versus, type Versus } from "./comparison.js";
export { readSystem, type SystemPredictions } from "./system.js";
export { PARTIAL_FILE, REPORT_FILE, SUMMARY_FILE, TABLE_FORMATS, type TableFormat } from "./folder.js";
export { readSummary, type Provenance, type RunSummary } from "./summary-file.js";
