/** Evaluation of a model, or of another system's predictions, on a data set. */
export { METRIC_NAMES, type Figures } from "../metrics/agreement.js";
export { readKept, readTable, writeTable } from "./predictions-file.js";
export { readEvaluation } from "./evaluation.js";
export { SCORE, type Prediction } from "./prediction.js";
export { predict } from "./predict.js";
export { coverageFigures, ratingsOf, summarise, type Summary } from "./summary.js";
export { versus } from "./comparison.js";
export { readSystem } from "./system.js";
export { SUMMARY_FILE } from "./folder.js";
export { readSummary, type RunSummary } from "./summary-file.js";
