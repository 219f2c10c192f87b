/** How intervals fare, as lines for a person. */
import type { IntervalFigures, IntervalPart } from "../../metrics/interval-figures.js";
import { shareText } from "../../metrics/conformal.js";
import { padEnd, printable } from "../shared/width.js";

/** " on 1 to 10": what a width is measured by, which differs between score and attributes. */
export function onScale({ scale }: Pick<IntervalFigures, "scale">): string {
  return scale ? ` on ${scale.min} to ${scale.max}` : "";
}

/** Coverage and mean width, then by predicted score and by theme. */
export function intervalLines(figures: IntervalFigures): string[] {
  const { level, coverage, width, byScore, byTheme } = figures;
  if (!coverage) return [];
  const wide = width
    ? `mean width ${width.value.toFixed(3)} [${width.low.toFixed(3)}, ${width.high.toFixed(3)}]${onScale(figures)}`
    : "";
  return [
    `calibrated ${shareText(level)} intervals hold ${shares(coverage)} of the ratings, ${wide}`,
    ...partLines("by predicted score", byScore),
    ...partLines("by theme", byTheme),
  ];
}

function partLines(title: string, parts: readonly IntervalPart[]): string[] {
  const names = Math.max(...parts.map(({ name }) => printable(name).length));
  const rows = parts.flatMap(
    ({ name, count, coverage, width }) =>
    coverage ? [`    ${padEnd(printable(name), names)}  ${shares(coverage)}  ${(width ?? 0).toFixed(3)} wide, of ${count}`] : [], // prettier-ignore
  );
  return rows.length === 0 ? [] : [`  ${title}`, ...rows];
}

function shares({ value, low, high }: NonNullable<IntervalPart["coverage"]>): string {
  return `${value.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}
