/** Intervals as a standalone SVG file: one row per interval, a dot with whiskers. */
import { scaleLinear } from "d3-scale";
import { html, Markup } from "./markup.js";
import { at, roomFor, type Bounds } from "./plot.js";
import { LIGHT } from "./style.js";

/** A row of a chart; without an interval it is a heading. */
export interface IntervalRow {
  readonly label: string;
  readonly interval?: { readonly value: number; readonly low: number; readonly high: number } | null;
  /** Single runs, drawn as small dots. */
  readonly runs?: readonly number[];
  /** Index of one of the colours below. */
  readonly colour?: number;
}

export interface IntervalChart {
  readonly title: string;
  /** What the horizontal axis shows. */
  readonly axis: string;
  readonly rows: readonly IntervalRow[];
  /** Limits that no value exceeds. */
  readonly bounds?: Bounds;
  /** A value that a line marks: 0, for differences. */
  readonly mark?: number;
}

const [WIDTH, LABELS, RIGHT, ROW, TOP, BOTTOM] = [760, 330, 24, 20, 44, 44];
/** Distinguishable with colour-vision deficiency (Okabe and Ito 2008). */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#8c5a8c"] as const;

const STYLE = `text { font: 12px system-ui, "Segoe UI", Roboto, sans-serif; fill: ${LIGHT.ink}; }
.title { font-size: 15px; font-weight: 600; } .head { font-weight: 600; } .tick, .axis { fill: ${LIGHT.quiet}; }
.grid { stroke: ${LIGHT.line}; } .mark { stroke: ${LIGHT.quiet}; stroke-dasharray: 4 3; }`;

/** The chart as the text of an SVG file. */
export function intervalChart({ title, axis, rows, bounds, mark }: IntervalChart): string {
  const shown = rows.flatMap(({ interval, runs = [] }) => (interval ? [interval.low, interval.high, interval.value, ...runs] : [])); // prettier-ignore
  const domain = roomFor([...shown, ...(mark === undefined ? [] : [mark])], bounds);
  const x = scaleLinear(domain, [LABELS, WIDTH - RIGHT]);
  const bottom = TOP + rows.length * ROW;
  const tall = (value: number, kind: string): Markup =>
    html`<line class="${kind}" x1="${at(x(value))}" x2="${at(x(value))}" y1="${TOP - 6}" y2="${bottom}" />`;
  const ticks = x.ticks(6).map((tick) => html`${tall(tick, "grid")}<text class="tick" x="${at(x(tick))}" y="${bottom + 16}" text-anchor="middle">${String(tick)}</text>`); // prettier-ignore
  const body = rows.map((row, i) => rowOf(row, TOP + (i + 0.5) * ROW, x));
  const height = bottom + BOTTOM;
  const svg = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
    <title>${title}</title>
    <style>
      ${new Markup(STYLE)}
    </style>
    <rect width="${WIDTH}" height="${height}" fill="#fff" />
    <text class="title" x="12" y="22">${title}</text>
    ${ticks}${mark !== undefined && tall(mark, "mark")}${body}
    <text class="axis" x="${(LABELS + WIDTH - RIGHT) / 2}" y="${bottom + 34}" text-anchor="middle">${axis}</text>
  </svg> `;
  return `${svg.text.trim()}\n`;
}

function rowOf(
  { label, interval, runs = [], colour = 0 }: IntervalRow,
  y: number,
  x: (value: number) => number,
): Markup {
  const name = html`<text class="${interval === undefined ? "head" : "label"}" x="${interval === undefined ? 12 : 24}" y="${at(y + 4)}">${label}</text>`; // prettier-ignore
  if (interval === undefined) return name;
  if (interval === null) return html`${name}<text class="tick" x="${LABELS}" y="${at(y + 4)}">not defined</text>`;
  const { value, low, high } = interval;
  const ink = COLOURS[colour % COLOURS.length] ?? COLOURS[0];
  return html`${name}
    <g stroke="${ink}" fill="${ink}">
      <line x1="${at(x(low))}" x2="${at(x(high))}" y1="${at(y)}" y2="${at(y)}" stroke-width="2" />
      ${runs.map((run) => html`<circle cx="${at(x(run))}" cy="${at(y)}" r="2" fill="#fff" />`)}
      <circle cx="${at(x(value))}" cy="${at(y)}" r="4" />
    </g>`;
}
