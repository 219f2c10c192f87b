/** The frame of every chart: size, scales, axes, and texts for screen readers. */
import { extent } from "d3-array";
import { scaleLinear, type ScaleLinear } from "d3-scale";
import { html, Markup, short, table, type Content, type TableOptions } from "./markup.js";

/** User units of a chart; a unit is a pixel on a page of about that width, so that texts stay readable on a phone. */
export const WIDTH = 420;
const HEIGHT = 300;
const MARGIN = { top: 12, right: 20, bottom: 40, left: 72 };

export type Axis = ScaleLinear<number, number>;

/** Two axes over the plot area. */
export interface Plane {
  readonly x: Axis;
  readonly y: Axis;
}

export interface AxisOptions {
  readonly domain: readonly [number, number];
  readonly label: string;
  /** The approximate number of ticks, or the ticks themselves. */
  readonly ticks?: number | readonly number[];
}

export interface PlaneOptions {
  readonly x: AxisOptions;
  readonly y: AxisOptions;
  /** Height of the chart; default {@link HEIGHT}. */
  readonly height?: number;
}

/** Axes of a chart. */
export function planeOf({ x, y, height = HEIGHT }: PlaneOptions): Plane {
  return {
    x: scaleLinear([...x.domain], [MARGIN.left, WIDTH - MARGIN.right]),
    y: scaleLinear([...y.domain], [height - MARGIN.bottom, MARGIN.top]),
  };
}

/** Limits that an axis does not exceed as long as no value does; absent where there is none. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/** The range of values with a margin, extended to round numbers, but within the bounds that the values respect. */
export function roomFor(values: Iterable<number>, { min, max }: Bounds = {}, room = 0.04): [number, number] {
  const [low = 0, high = 1] = extent(values);
  const margin = (high - low) * room || Math.abs(high) * 0.1 || 1;
  const [from = low, to = high] = scaleLinear([low - margin, high + margin], [0, 1])
    .nice(8)
    .domain();
  return [
    min !== undefined && low >= min ? Math.max(from, min) : from,
    max !== undefined && high <= max ? Math.min(to, max) : to,
  ];
}

/** Grid, axes and their labels. */
export function axes({ x, y }: Plane, options: PlaneOptions): Markup {
  const [left = 0, right = 0] = x.range();
  const [bottom = 0, top = 0] = y.range();
  const [xTicks, yTicks] = [ticksOf(x, options.x), ticksOf(y, options.y)];
  const middle = at((top + bottom) / 2);
  return html`<g class="axes">
    ${yTicks.map((tick) => html`<line class="grid" x1="${at(left)}" x2="${at(right)}" y1="${at(y(tick))}" y2="${at(y(tick))}" />`)}
    <line x1="${at(left)}" x2="${at(right)}" y1="${at(bottom)}" y2="${at(bottom)}" />
    ${xTicks.map((tick) => html`<line x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${at(bottom)}" y2="${at(bottom + 4)}" /><text x="${at(x(tick))}" y="${at(bottom + 18)}" text-anchor="middle">${tickText(tick)}</text>`)}
    ${yTicks.map((tick) => html`<text x="${at(left - 6)}" y="${at(Math.min(y(tick) + 4, bottom))}" text-anchor="end">${tickText(tick)}</text>`)}
    <text class="label" x="${at((left + right) / 2)}" y="${at(bottom + 36)}" text-anchor="middle"
      >${options.x.label}</text
    >
    <text class="label" x="13" y="${middle}" text-anchor="middle" transform="rotate(-90 13 ${middle})"
      >${options.y.label}</text
    >
  </g>`;
}

function ticksOf(axis: Axis, { ticks = 6 }: AxisOptions): readonly number[] {
  return typeof ticks === "number" ? axis.ticks(ticks) : ticks;
}

/** Short enough for the margin: 20000 becomes 20k. */
function tickText(tick: number): string {
  const size = Math.abs(tick);
  const [unit, letter] = size >= 1e9 ? [1, ""] : size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
  const plain = tick === 0 || (size < 1e9 && size >= 1e-3);
  const text = plain ? short(tick / unit) + letter : Number(tick.toPrecision(3)).toExponential();
  return text.replace("-", "\u2212");
}

export interface ChartOptions {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  /** What the chart shows, in a sentence or two. */
  readonly description: string;
  readonly body: Content;
  /** Below the chart and its legend. */
  readonly below?: Content;
  readonly height?: number;
  /** What the marks mean: class of the mark and text. */
  readonly legend?: readonly (readonly [mark: string, text: string])[];
  /** The figures behind the chart. */
  readonly data?: TableOptions;
}

/** A chart with its caption, legend and data. */
export function chart({ id, title, description, body, height = HEIGHT, legend, data, below }: ChartOptions): Markup {
  return html`<figure class="card" id="${id}">
    <figcaption>
      <h3>${title}</h3>
      <p>${description}</p>
    </figcaption>
    <svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="${id}-t ${id}-d">
      <title id="${id}-t">${title}</title>
      <desc id="${id}-d">${description}</desc>
      ${body}
    </svg>
    ${
      legend &&
      html`<ul class="legend">
        ${legend.map(([mark, text]) => html`<li><span class="key ${mark}"></span>${text}</li>`)}
      </ul>`
    }
    ${
      data &&
      html`<details>
        <summary>The figures as a table</summary>
        ${table(data)}
      </details>`
    }
    ${below}
  </figure> `;
}

/** A coordinate, in short form. */
export function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Many small dots as one path of round caps: far smaller markup than as many circles. */
export function dots(points: readonly (readonly [x: number, y: number])[], { x, y }: Plane): Markup {
  return html`<path class="dots" d="${points.map(([px, py]) => `M${at(x(px))} ${at(y(py))}h0`).join("")}" />`;
}

/** A straight line between two points. */
export function line(
  from: readonly [number, number],
  to: readonly [number, number],
  { x, y }: Plane,
  kind: string,
): Markup {
  return html`<line
    class="${kind}"
    x1="${at(x(from[0]))}"
    y1="${at(y(from[1]))}"
    x2="${at(x(to[0]))}"
    y2="${at(y(to[1]))}"
  />`;
}
