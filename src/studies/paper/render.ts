/** A compared table as text, JSON, CSV and LaTeX. */
import { RocError } from "../../errors.js";
import { stringify } from "csv-stringify/sync";
import type { ComparedCell, ComparedRow, ComparedTable, Ours } from "./filled-table.js";
import { BACKBONES, DATASETS, METRIC_SIGNS, type TableColumn, type TableRow } from "./types.js";

/**
 * How a table is written.
 *
 * @category Studies
 */
export type TableForm = "text" | "json" | "csv" | "latex";

/**
 * A compared table: as text for a terminal, as one JSON object, as CSV with a line per cell, or for LaTeX with booktabs.
 *
 * @returns text that ends with a line break
 *
 * @category Studies
 */
export function formatTable(compared: ComparedTable, form: TableForm): string {
  switch (form) {
    case "text":
      return textTable(compared);
    case "json":
      return `${JSON.stringify(jsonTable(compared))}\n`;
    case "csv":
      return csvTable(compared);
    case "latex":
      return latexTable(compared);
    default:
      throw new RocError("USAGE", `There is no form ${String(form)}; give text, json, csv or latex.`);
  }
}

/** Digits of a printed figure. */
function digitsOf({ published }: ComparedCell): number {
  return published.value === null ? 3 : (published.text.split(" ")[0]?.split(".")[1]?.length ?? 3);
}

function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return `${value < 0 && Number(text) !== 0 ? "−" : "+"}${text}`;
}

/** Heading of a column. */
function headOf({ label, metric }: TableColumn): string {
  return [label, metric && METRIC_SIGNS[metric]].filter(Boolean).join(" ");
}

function labelOf({ label, metric }: TableRow): string {
  return metric === undefined ? label : `${label}  ${METRIC_SIGNS[metric]}`;
}

/** The caption, and of what ours are. */
function captionOf({ table, studio, backbone }: ComparedTable): string {
  const syntheticCopy = studio ? " Ours: on the studio's synthetic copies of the data sets, which do not compare with the published figures." : ""; // prettier-ignore
  const replacement = backbone ? ` Ours: ${BACKBONES[backbone]} instead of mPLUG-Owl2.` : "";
  return `${table.caption}${syntheticCopy}${replacement}`;
}

/** Lines of a cell: as printed; then ours with the difference, and the interval; or the mark of what is missing. */
function cellLines(cell: ComparedCell): string[] {
  const { published, ours, difference, needs } = cell;
  const digits = digitsOf(cell);
  const printed = published.bold ? published.text.replace(/^[\d.]+/, "$&*") : published.text;
  if (ours === null) return [printed, needs === null ? "" : `(${needs})`];
  const change = difference === null ? "" : ` ${signed(difference, digits)}`;
  return [printed, `${ours.value.toFixed(digits)}${change}`, ...intervalOf(ours, digits)];
}

function intervalOf({ low, high, by }: Ours, digits: number): string[] {
  if (by !== undefined) return [by];
  return low === null || high === null ? [] : [`[${low.toFixed(digits)}, ${high.toFixed(digits)}]`];
}

/** The table for a terminal. */
function textTable(compared: ComparedTable): string {
  const { table, rows, needs } = compared;
  const cells = rows.map((row) => row.cells.map(cellLines));
  const widths = table.columns.map((column, k) =>
    Math.max(headOf(column).length, ...cells.flatMap((row) => (row[k] ?? []).map((line) => line.length))),
  );
  const first = Math.max(8, ...rows.map(({ row }) => labelOf(row).length));
  const row = (label: string, texts: readonly string[]): string =>
    `${label.padEnd(first)}  ${texts.map((text, k) => text.padEnd(widths[k] ?? 0)).join("  ")}`.trimEnd();
  const title = `${table.name.replace("table", "Table ")}: ${captionOf(compared)}`;
  const lines = [title, "", groupLine(compared, first, widths), row("Method", table.columns.map(headOf))];
  rows.forEach((one, i) => {
    if (one.row.group !== rows[i - 1]?.row.group && one.row.group !== undefined) lines.push("", `  ${one.row.group}`);
    lines.push(...rowLines(one, cells[i] ?? [], row));
  });
  const notes = needs.flatMap(({ mark, text, command }) => [`(${mark}) needs ${text}`, ...(command === null ? [] : [`    ${command}`])]); // prettier-ignore
  const figures = compared.studio ? "ours with the 95% interval" : "ours with the difference and the 95% interval";
  const legend = `As printed (* bold); below it ${figures}, or what is missing.`;
  return `${[...lines, "", legend, ...(notes.length > 0 ? ["", ...notes] : [])].join("\n")}\n`;
}

function rowLines(
  { row: published }: ComparedRow,
  cells: readonly (readonly string[])[],
  row: (label: string, texts: readonly string[]) => string,
): string[] {
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from(
    { length: height },
    (_, line) =>
    row(line === 0 ? labelOf(published) : line === 1 ? "  ours" : "", cells.map((lines) => lines[line] ?? "")), // prettier-ignore
  ).filter((text, line) => line === 0 || text.trim() !== "ours");
}

/** The headings over several columns, each over its first one. */
function groupLine({ table }: ComparedTable, first: number, widths: readonly number[]): string {
  const texts = table.columns.map(({ group }, k) => (group === table.columns[k - 1]?.group ? "" : group));
  let line = " ".repeat(first + 2);
  let at = first + 2;
  texts.forEach((text, k) => {
    if (text !== "") line = `${line.padEnd(at)}${text}`;
    at += (widths[k] ?? 0) + 2;
  });
  return line;
}

/** The table as plain objects. */
function jsonTable(compared: ComparedTable): object {
  const { table, studio, backbone, rows, needs } = compared;
  return {
    table: table.name,
    caption: table.caption,
    studio,
    backbone,
    rows: rows.map(({ row, cells }) => ({
      ...{ method: row.label, group: row.group ?? null, system: systemOf(row) },
      cells: cells.map(({ published, ours, difference, needs: mark }, k) => ({
        ...placeOf(table.columns[k], row),
        published: published.value,
        bold: published.bold,
        ...(published.change !== undefined && { change: published.change }),
        ours,
        difference,
        needs: mark,
      })),
    })),
    needs,
  };
}

function systemOf({ method, backbone, strategy, comments, system, start }: TableRow): object {
  return {
    ...{ method, ...(backbone && { backbone }), ...(strategy && { strategy }), ...(comments && { comments }) },
    ...{ ...(system !== undefined && { system }), ...(start && { start }) },
  };
}

function placeOf(column: TableColumn | undefined, row: TableRow) {
  const { dataset = "ava", attribute = "score", metric = row.metric } = column ?? {};
  return { dataset: DATASETS[dataset], score: attribute, metric: metric ?? "srcc" };
}

/** The table as CSV, one line per cell. */
function csvTable({ table, studio, rows, needs }: ComparedTable): string {
  const columns = ["table", "method", "group", "dataset", "score", "metric", "published", "bold", "ours", "low", "high", "difference", "studio", "by", "run", "needs"]; // prettier-ignore
  const lines = rows.flatMap(({ row, cells }) =>
    cells.map(({ published, ours, difference, needs: mark }, k) => ({
      ...{ table: table.name, method: row.label, group: row.group ?? "", ...placeOf(table.columns[k], row) },
      ...{ published: published.value, bold: published.bold, difference, studio },
      ...{ ours: ours?.value, low: ours?.low, high: ours?.high, by: ours?.by, run: ours?.run },
      needs: needs.find((need) => need.mark === mark)?.text,
    })),
  );
  return stringify(lines, { header: true, columns, cast: { number: String, boolean: String } });
}

/** The table for LaTeX with the package booktabs. */
function latexTable(compared: ComparedTable): string {
  const { table, rows } = compared;
  const groups: { name: string; count: number }[] = [];
  for (const { group } of table.columns) {
    const last = groups.at(-1);
    if (last?.name === group) last.count++;
    else groups.push({ name: group, count: 1 });
  }
  const over = groups.map(({ name, count }) => `\\multicolumn{${count}}{c}{${escapeLatex(name)}}`).join(" & ");
  const head = table.columns.map((column) => escapeLatex(headOf(column)).replace("↑", "$\\uparrow$").replace("↓", "$\\downarrow$")); // prettier-ignore
  const body = rows.flatMap(({ row, cells }, i) => {
    const opens = row.group !== undefined && row.group !== rows[i - 1]?.row.group;
    const title = `\\multicolumn{${table.columns.length + 1}}{l}{\\emph{${escapeLatex(row.group ?? "")}}} \\\\`;
    const label = escapeLatex(labelOf(row)).replace("↑", "$\\uparrow$");
    const ours = cells.some((cell) => cell.ours) ? [`\\quad ours & ${cells.map(latexOurs).join(" & ")} \\\\`] : [];
    return [...(opens ? ["\\midrule", title] : []), `${label} & ${cells.map(latexPrinted).join(" & ")} \\\\`, ...ours];
  });
  return `${[
    "\\begin{table}",
    "\\centering",
    `\\caption{${escapeLatex(captionOf(compared))}}`,
    `\\begin{tabular}{l${"c".repeat(table.columns.length)}}`,
    "\\toprule",
    ` & ${over} \\\\`,
    `Method & ${head.join(" & ")} \\\\`,
    ...(body[0] === "\\midrule" ? body : ["\\midrule", ...body]),
    "\\bottomrule",
    "\\end{tabular}",
    "\\end{table}",
  ].join("\n")}\n`;
}

function latexPrinted({ published: { text, bold } }: ComparedCell): string {
  if (text === "-") return "--";
  const [value = "", change] = text.split(" ");
  return `${bold ? `\\textbf{${value}}` : value}${change === undefined ? "" : ` ${escapeLatex(change)}`}`;
}

function latexOurs(cell: ComparedCell): string {
  const { ours, difference } = cell;
  if (ours === null) return "--";
  const digits = digitsOf(cell);
  const change = difference === null ? "" : ` ($${signed(difference, digits).replace("−", "-")}$)`;
  const interval = intervalOf(ours, digits).map((text) => ` {\\scriptsize ${escapeLatex(text)}}`);
  return `${ours.value.toFixed(digits)}${change}${interval.join("")}`;
}

function escapeLatex(text: string): string {
  return text
    .replace(/[&%$#_{}]/g, "\\$&")
    .replace(/~/g, "\\textasciitilde{}")
    .replace(/−/g, "$-$");
}
