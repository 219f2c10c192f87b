/** The label doctor: finds errors in a data set before training. */
import { SPLITS, type LoadedDataset, type Split } from "../types.js";
import { columnsOf, summariseColumn } from "./columns.js";
import { checkConstant, checkLabels, Findings } from "./labels.js";
import { checkSets } from "./sets.js";
import { checkPictures, type PictureOptions } from "./pictures.js";
import { PROBLEMS, type DataReport, type ProblemKind } from "./data-report.js";

export type CheckOptions = PictureOptions;

/**
 * Checks a data set: labels of every row, with or without an image, and the image files.
 *
 * @param data as `readDataset` gives it, best with `nonFinite: "keep"`
 * @throws RocError ABORTED on the signal; errors in the data are in the report
 */
export async function checkDataset(data: LoadedDataset, options: CheckOptions = {}): Promise<DataReport> {
  const all = [...data.samples, ...data.missing];
  const findings = new Findings();
  for (const sample of data.missing) findings.add("missing-image", [sample], `looked for ${sample.image}`);
  const columns = columnsOf(data, all);
  checkLabels(data, all, columns, findings);
  const sets = checkSets(all, findings);
  const reports = columns.map((column) => summariseColumn(column, all));
  for (const report of reports) checkConstant(report, findings);
  const { notes, ...counts } = await checkPictures(data.samples, data.missing, options, findings);
  return {
    name: data.name,
    scale: data.scale,
    rows: rowsOf(data),
    ...counts,
    decoded: options.decode !== undefined,
    columns: reports,
    ...(sets && { sets }),
    problems: findings.problems(Object.keys(PROBLEMS) as ProblemKind[]),
    notes: [...data.notes, ...notes],
  };
}

function rowsOf({ samples, missing }: LoadedDataset): DataReport["rows"] {
  const rows: Record<Split, { rated: number; missing: number }> = {
    train: { rated: 0, missing: 0 },
    validation: { rated: 0, missing: 0 },
    test: { rated: 0, missing: 0 },
  };
  for (const { split } of samples) rows[split].rated++;
  for (const { split } of missing) {
    rows[split].rated++;
    rows[split].missing++;
  }
  return rows;
}

/** Number of findings, over all kinds. */
export function countFindings({ problems }: DataReport): number {
  return problems.reduce((sum, { findings }) => sum + findings.length, 0);
}

/** The splits that have rows. */
export function presentSplits({ rows }: DataReport): Split[] {
  return SPLITS.filter((split) => rows[split].rated > 0);
}
