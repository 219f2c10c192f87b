/** The histograms of a column: a panel per split, stacked on one axis, with the figures below. */
import { at, chart, columns, html, short, table, WIDTH, type Markup } from "../../html/index.js";
import type { ScoreScale, Split } from "../types.js";
import { filledSplits } from "./columns.js";
import type { ColumnReport } from "./data-report.js";

const PANEL = 64;
/** Space above a panel, for the split's name. */
const GAP = 22;
/** Space below all panels. */
const AXIS = 20;

/** The bars of each split are scaled to its own fullest bin, so that splits of any size are comparable. */
export function histogram(column: ColumnReport, k: number): Markup {
  const { name, scale } = column;
  const splits = filledSplits(column);
  const bottom = splits.length * (PANEL + GAP);
  return chart({
    id: `column-${k}`,
    title: name,
    description: `How often each value from ${scale.min} to ${scale.max} was given, by split.`,
    height: bottom + AXIS,
    body: html`<g class="columns">${splits.map((split, i) => panel(column, split, i * (PANEL + GAP) + GAP))}</g>
      ${axis(scale, bottom)}`,
    below: figures(column, splits),
  });
}

function panel({ scale, splits }: ColumnReport, split: Split, top: number): Markup {
  const { bins, count } = splits[split];
  const edge = (i: number): string => short(scale.min + (i / bins.length) * (scale.max - scale.min));
  const names = bins.map((_, i) => `${edge(i)} to ${edge(i + 1)}`);
  return html`<g class="${split}">
    <text x="0" y="${at(top - 5)}">${split}, ${count}</text>
    ${columns(bins, { names, height: PANEL, top })}
  </g>`;
}

function axis({ min, max }: ScoreScale, top: number): Markup {
  const ticks = [
    { x: 0, anchor: "start", value: min },
    { x: WIDTH / 2, anchor: "middle", value: (min + max) / 2 },
    { x: WIDTH, anchor: "end", value: max },
  ];
  return html`${ticks.map(
    ({ x, anchor, value }) => html`<text x="${x}" y="${top + 15}" text-anchor="${anchor}">${short(value)}</text>`,
  )}`;
}

function figures(column: ColumnReport, splits: readonly Split[]): Markup {
  const rows = splits.map((split) => {
    const { mean, std, min, max, below, above, nonFinite } = column.splits[split];
    return [split, ...[mean, std, min, max].map(short), below + above + nonFinite];
  });
  const head = ["", "mean", "std", "min", "max", "outside"];
  return table({ label: `Figures of ${column.name} by split`, head, rows });
}
