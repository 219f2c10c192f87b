/** The report as one HTML file that needs nothing else: no script, no font, no network. */
import { countFindings, presentSplits } from "./check.js";
import { filledSplits } from "./columns.js";
import { escapeHtml } from "../../html/markup.js";
import { formatNumber, histogramSvg } from "./histogram.js";
import { PROBLEMS, type ColumnReport, type DataReport, type Finding, type Problem } from "./report.js";

/** Findings of a kind that the page lists; the rest are counted. */
const MOST_LISTED = 200;

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --quiet: #60646c; --paper: #fff; --line: #d9d9e0;
  --train: #3e63dd; --validation: #12a594; --test: #e5484d; --bad: #ce2c31; --good: #218358; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --quiet: #b0b4ba; --paper: #111113; --line: #363a3f;
  --train: #849dff; --validation: #0bd8b6; --test: #ff9592; --bad: #ff9592; --good: #3dd68c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } h3 { font-size: 1rem; margin: 0; }
.quiet { color: var(--quiet); } .bad { color: var(--bad); } .good { color: var(--good); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .9rem .2rem 0; text-align: right; white-space: nowrap; } th:first-child, td:first-child { text-align: left; }
th { color: var(--quiet); font-weight: 500; } tr { border-bottom: 1px solid var(--line); }
.grid { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); }
figure { margin: 0; } svg { display: block; width: 100%; height: auto; } svg text { fill: var(--quiet); font-size: 11px; }
svg line { stroke: var(--line); } .train rect { fill: var(--train); } .validation rect { fill: var(--validation); }
.test rect { fill: var(--test); }
details { border-bottom: 1px solid var(--line); padding: .4rem 0; } summary { cursor: pointer; }
li { overflow-wrap: anywhere; }`;

/** The page of a report. */
export function reportPage(report: DataReport): string {
  const { name, scale, columns, notes } = report;
  const title = `Labels of ${escapeHtml(name)}`;
  return [
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8">`,
    `<meta name="viewport" content="width=device-width, initial-scale=1">`,
    `<title>${title}</title><style>${STYLE}</style></head><body>`,
    `<h1>${title}</h1><p class="quiet">Scores from ${scale.min} to ${scale.max}. ${openedText(report)}</p>`,
    `<h2>Rows</h2>${rowsTable(report)}`,
    `<h2>Problems</h2>${problemsHtml(report)}`,
    notes.length > 0 ? `<h2>Notes</h2><ul>${notes.map((note) => `<li>${escapeHtml(note)}</li>`).join("")}</ul>` : "",
    `<h2>Labels</h2><div class="grid">${columns.map(figure).join("\n")}</div>`,
    `</body></html>\n`,
  ].join("\n");
}

/** How far the images were looked at, a sentence. */
export function openedText({ opened, images, decoded }: DataReport): string {
  if (images === 0) return "No image file is there.";
  const what = decoded
    ? "decoded, compared by content, and across splits by their looks"
    : "compared by content, none was decoded";
  return `${opened === images ? "All" : `${opened} of`} ${images} images that are there were ${what}.`;
}

function rowsTable(report: DataReport): string {
  const rows = presentSplits(report).map((split) => {
    const { rated, missing } = report.rows[split];
    return [split, String(rated), String(rated - missing), String(missing)];
  });
  return table(["split", "rated", "with image", "missing"], rows);
}

function problemsHtml(report: DataReport): string {
  if (countFindings(report) === 0) return `<p class="good">None found.</p>`;
  return report.problems.map(problemHtml).join("\n");
}

function problemHtml({ kind, findings }: Problem): string {
  const listed = findings.slice(0, MOST_LISTED).map((finding) => `<li>${escapeHtml(findingText(finding))}</li>`);
  const rest = findings.length - listed.length;
  const more = rest > 0 ? `<li class="quiet">and ${rest} more; --json lists all</li>` : "";
  const summary = `<summary>${escapeHtml(PROBLEMS[kind])}: <span class="bad">${findings.length}</span></summary>`;
  return `<details>${summary}<ul>${listed.join("")}${more}</ul></details>`;
}

/** A finding in one line. */
export function findingText({ pictures, detail }: Finding): string {
  const names = pictures.map(({ id, split }) => `${id} (${split})`).join(", ");
  return names === "" ? detail : `${names}: ${detail}`;
}

function figure(column: ColumnReport): string {
  const rows = filledSplits(column).map((split) => {
    const { mean, std, min, max, below, above, nonFinite } = column.splits[split];
    const outside = String(below + above + nonFinite);
    return [split, formatNumber(mean), formatNumber(std), formatNumber(min), formatNumber(max), outside];
  });
  const numbers = table(["", "mean", "std", "min", "max", "outside"], rows);
  return `<figure><h3>${escapeHtml(column.name)}</h3>${histogramSvg(column)}${numbers}</figure>`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, texts: readonly string[]): string =>
    `<tr>${texts.map((text) => `<${tag}>${escapeHtml(text)}</${tag}>`).join("")}</tr>`;
  return `<div class="wide"><table>${cells("th", head)}${rows.map((row) => cells("td", row)).join("")}</table></div>`;
}
