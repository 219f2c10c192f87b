/** The label doctor. */
export { checkDataset, countFindings, presentSplits, type CheckOptions } from "./check.js";
export { filledSplits } from "./columns.js";
export { findingText, openedText, reportPage } from "./page.js";
export { BINS, PROBLEMS } from "./report.js";
export type { ColumnReport, ColumnSummary, DataReport, Finding, Problem, ProblemKind } from "./report.js";
