/** The label doctor's report as a page. */
import { countFindings, presentSplits } from "./check.js";
import { setsText } from "./sets.js";
import { histogram } from "./histogram.js";
import { html, page, table, type Content, type Markup } from "../../html/index.js";
import { PROBLEMS, type DataReport, type Finding, type Problem } from "./data-report.js";

/** Findings per kind that the page lists; the rest is counted. */
const MOST_LISTED = 200;

/** The page of a report. */
export function dataReportPage(report: DataReport): string {
  const { name, scale, columns, notes } = report;
  return page({
    title: `Labels of ${name}`,
    header: html`<p class="quiet">
      Scores from ${scale.min} to ${scale.max}. ${openedText(report)} ${report.sets && setsText(report.sets)}
    </p>`,
    sections: [
      { id: "rows", title: "Rows", body: html`<div class="card">${rowsTable(report)}</div>` },
      { id: "problems", title: "Problems", body: html`<div class="card">${problemsOf(report)}</div>` },
      ...(notes.length > 0
        ? [{ id: "notes", title: "Notes", body: html`<div class="card">${list(notes)}</div>` }]
        : []),
      { id: "labels", title: "Labels", body: html`<div class="charts">${columns.map(histogram)}</div>` },
    ],
  });
}

function list(items: readonly Content[]): Markup {
  return html`<ul>
    ${items.map((item) => html`<li>${item}</li>`)}
  </ul>`;
}

/** A sentence on the extent of the image checks. */
export function openedText({ opened, images, decoded }: DataReport): string {
  if (images === 0) return "There are no image files.";
  const what = decoded
    ? "decoded, compared by content, and across splits by appearance"
    : "compared by content, none was decoded";
  return `${opened === images ? "All" : `${opened} of`} ${images} existing images were ${what}.`;
}

function rowsTable(report: DataReport): Markup {
  const rows = presentSplits(report).map((split) => {
    const { rated, missing } = report.rows[split];
    return [split, rated, rated - missing, missing];
  });
  return table({ label: "Rows by split", head: ["split", "rated", "with image", "missing"], rows });
}

function problemsOf(report: DataReport): Content {
  if (countFindings(report) === 0) return html`<p class="good">None found.</p>`;
  return report.problems.map(problemOf);
}

function problemOf({ kind, findings }: Problem): Markup {
  const rest = findings.length - MOST_LISTED;
  const more = html`<span class="quiet">and ${rest} more; --json lists all</span>`;
  return html`<details>
    <summary>${PROBLEMS[kind]}: <span class="bad">${findings.length}</span></summary>
    ${list([...findings.slice(0, MOST_LISTED).map(findingText), ...(rest > 0 ? [more] : [])])}
  </details> `;
}

/** A finding in one line. */
export function findingText({ pictures, detail }: Finding): string {
  const names = pictures.map(({ id, split }) => `${id} (${split})`).join(", ");
  return names === "" ? detail : `${names}: ${detail}`;
}
