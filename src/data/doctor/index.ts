/** The label doctor. */
export { checkDataset, countFindings, presentSplits, type CheckOptions } from "./check.js";
export { filledSplits } from "./columns.js";
export { findingText, openedText, dataReportPage } from "./page.js";
export { setsText } from "./sets.js";
export { BINS, PROBLEMS } from "./data-report.js";
export type {
  ColumnReport,
  ColumnSummary,
  DataReport,
  Finding,
  Problem,
  ProblemKind,
  SetCounts,
} from "./data-report.js";
