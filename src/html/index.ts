/** All HTML: escaped templates, the frame of a page, its style, and charts as inline SVG. */
export { decimals, html, Markup, short, table, type Content, type TableOptions } from "./markup.js";
export { page, type PageOptions, type Section } from "./page.js";
export { at, axes, chart, dots, line, planeOf, roomFor, WIDTH } from "./plot.js";
export type { Axis, AxisOptions, Bounds, ChartOptions, Plane, PlaneOptions } from "./plot.js";
export { bars, columns, columnsChart, type Bar, type ColumnsOptions } from "./bars.js";
export { intervalChart, type IntervalChart, type IntervalRow } from "./intervals.js";
