/** A histogram as inline SVG: a panel a split, one above the other, on one axis. */
import { escapeHtml } from "../../html/markup.js";
import { SPLITS, type ScoreScale, type Split } from "../types.js";
import type { ColumnReport } from "./report.js";

const WIDTH = 320;
const PANEL = 58;
const GAP = 14;
const AXIS = 18;

/** A number of a scale, short. */
export function formatNumber(value: number | null): string {
  return value === null ? "–" : String(Number(value.toPrecision(4)));
}

/** The histogram of a column: the bars of each split reach up to its own fullest bin, so that splits of any size compare. */
export function histogramSvg(column: ColumnReport): string {
  const splits = SPLITS.filter((split) => column.splits[split].count > 0);
  const height = splits.length * (PANEL + GAP) + AXIS;
  const panels = splits.map((split, i) => panelSvg(column, split, i * (PANEL + GAP) + GAP));
  const label = `Histogram of ${column.name} by split`;
  return (
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(label)}">` +
    panels.join("") +
    axisSvg(column.scale, height - AXIS) +
    "</svg>"
  );
}

function panelSvg({ scale, splits }: ColumnReport, split: Split, top: number): string {
  const { bins, count } = splits[split];
  const most = Math.max(...bins, 1);
  const width = WIDTH / bins.length;
  const bars = bins.map((n, i) => {
    const tall = (n / most) * PANEL;
    const ends = [i, i + 1].map((k) => formatNumber(scale.min + (k / bins.length) * (scale.max - scale.min)));
    const place = `x="${fixed(i * width + 0.5)}" y="${fixed(top + PANEL - tall)}"`;
    return `<rect ${place} width="${fixed(width - 1)}" height="${fixed(tall)}"><title>${ends.join(" to ")}: ${n}</title></rect>`;
  });
  const text = `<text x="0" y="${top - 3}">${split}, ${count}</text>`;
  const line = `<line x1="0" x2="${WIDTH}" y1="${top + PANEL}" y2="${top + PANEL}"/>`;
  return `<g class="${split}">${text}${bars.join("")}${line}</g>`;
}

function axisSvg({ min, max }: ScoreScale, top: number): string {
  const ticks = [
    { x: 0, anchor: "start", value: min },
    { x: WIDTH / 2, anchor: "middle", value: (min + max) / 2 },
    { x: WIDTH, anchor: "end", value: max },
  ];
  return ticks
    .map(
      ({ x, anchor, value }) => `<text x="${x}" y="${top + 13}" text-anchor="${anchor}">${formatNumber(value)}</text>`,
    )
    .join("");
}

function fixed(value: number): string {
  return String(Number(value.toFixed(2)));
}
