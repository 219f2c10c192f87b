/** Names of the files in the folder of an evaluation. */

/** The figures, and where they come from. */
export const SUMMARY_FILE = "summary.json";
/** Grows by a line per picture while a model predicts, and goes away at the end. */
export const PARTIAL_FILE = "predictions.partial.jsonl";
/** The page about it, where one was asked for. */
export const REPORT_FILE = "report.html";

/** What the table of predictions may be written as. */
export const TABLE_FORMATS = ["csv", "parquet"] as const satisfies readonly TableFormat[];
/**
 * What the table of predictions is written as.
 *
 * @category Evaluation
 */
export type TableFormat = "csv" | "parquet";

/** Name of the table. */
export function tableFile(format: TableFormat): string {
  return `predictions.${format}`;
}
