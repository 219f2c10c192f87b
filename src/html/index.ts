/** All HTML: escaped templates, the frame of a page, its style, and charts as inline SVG. */
export { decimals, html, Markup, short, table, type Content } from "./markup.js";
export { page, type Section } from "./page.js";
export { at, axes, chart, dots, line, planeOf, roomFor, WIDTH } from "./plot.js";
export type { Bounds, Plane, PlaneOptions } from "./plot.js";
export { bars, columns, columnsChart } from "./bars.js";
export { intervalChart, type IntervalRow } from "./intervals.js";
