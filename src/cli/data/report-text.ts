/** The label doctor's report as a person reads it in a terminal. */
import pc from "picocolors";
import {
  countFindings,
  filledSplits,
  findingText,
  openedText,
  presentSplits,
  setsText,
  PROBLEMS,
  type DataReport,
  type Problem,
} from "../../data/index.js";
import { padEnd, printable, textWidth } from "../shared/width.js";

/** Findings of a kind that are listed; the rest are counted. */
const MOST_LISTED = 5;

type Colors = ReturnType<typeof pc.createColors>;

/** The report with its line ends. */
export function reportText(report: DataReport, colors: boolean): string {
  const paint = pc.createColors(colors);
  const { name, scale, notes, sets } = report;
  return [
    `${paint.bold(printable(name))}, scores from ${scale.min} to ${scale.max}`,
    "",
    ...table(rowsOf(report), paint),
    "",
    ...table(columnsOf(report), paint),
    "",
    ...(sets ? [setsText(sets), ""] : []),
    ...problemLines(report, paint),
    ...notes.map((note) => `note: ${printable(note)}`),
    openedText(report),
    "",
  ].join("\n");
}

function rowsOf(report: DataReport): string[][] {
  const rows = presentSplits(report).map((split) => {
    const { rated, missing } = report.rows[split];
    return [split, String(rated), String(missing)];
  });
  return [["split", "rated", "missing"], ...rows];
}

function columnsOf({ columns }: DataReport): string[][] {
  const rows = columns.flatMap((column) =>
    filledSplits(column).map((split) => {
      const { count, min, mean, max, std } = column.splits[split];
      return [printable(column.name), split, String(count), ...[min, mean, max, std].map(formatShort)];
    }),
  );
  return [["label", "split", "count", "min", "mean", "max", "std"], ...rows];
}

function formatShort(value: number | null): string {
  return value === null ? "-" : value.toFixed(3);
}

/** Columns of equal width: words to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[], paint: Colors): string[] {
  const width = (i: number): number => Math.max(...rows.map((row) => textWidth(row[i] ?? "")));
  const isWord = (i: number): boolean => rows.slice(1).some((row) => !/^[-\d.]+$/.test(row[i] ?? ""));
  const layout = (rows[0] ?? []).map((_, i) => ({ width: width(i), word: isWord(i) }));
  return rows.map((row, k) => {
    const fields = row.map((text, i) => {
      const { width: wide = 0, word = false } = layout[i] ?? {};
      return word ? padEnd(text, wide) : " ".repeat(wide - textWidth(text)) + text;
    });
    const line = fields.join("  ").trimEnd();
    return k === 0 ? paint.dim(line) : line;
  });
}

function problemLines(report: DataReport, paint: Colors): string[] {
  if (countFindings(report) === 0) return [paint.green("No problem found."), ""];
  return [...report.problems.flatMap((problem) => problemText(problem, paint)), ""];
}

function problemText({ kind, findings }: Problem, paint: Colors): string[] {
  const listed = findings.slice(0, MOST_LISTED).map((finding) => `  ${printable(findingText(finding))}`);
  const rest = findings.length - listed.length;
  const more = rest > 0 ? [paint.dim(`  and ${rest} more; --json lists all`)] : [];
  return [`${PROBLEMS[kind]}: ${paint.red(String(findings.length))}`, ...listed, ...more];
}
