/** The figures of an evaluation as a table. */
import { SCORE, type RunSummary } from "../../eval/index.js";
import { METRIC_NAMES, type Figures } from "../../metrics/agreement.js";
import { intervalLines, onScale } from "./interval-text.js";
import type { SetAccuracy, SetFigures } from "../../metrics/sets.js";
import { padEnd, printable, textWidth } from "../shared/width.js";

/** Width of a column of figures. */
const COLUMN = 24;

/** What `roc4mllm eval` prints. */
export function summaryText(summary: RunSummary, name: string): string {
  const {
    scale,
    count,
    scored,
    failures,
    overall,
    attributes,
    accuracy,
    plccAfterLogisticFit,
    distributions,
    captions,
  } = summary;
  const lost = Object.entries(failures).map(([code, n]) => `${n} ${code}`);
  const names = Math.max(16, ...Object.keys(attributes).map((attribute) => textWidth(printable(attribute)) + 2));
  const row = (title: string, values: readonly string[]): string =>
    `${padEnd(printable(title), names)}${values.map((value) => `${value}  `.padEnd(COLUMN)).join("")}`.trimEnd();
  const few = Object.entries(attributes).filter(([, figures]) => figures.count < scored);
  const lines = [
    `${name}, ${scale.min} to ${scale.max}: ${scored} of ${count} pictures${lost.length > 0 ? ` (${lost.join(", ")})` : ""}`,
    "",
    row("", METRIC_NAMES.map((metric) => metric.toUpperCase())), // prettier-ignore
    row("score", figuresOf(overall)),
    ...Object.entries(attributes).map(([attribute, figures]) => row(attribute, figuresOf(figures))),
    "",
    ...few.map(([attribute, figures]) => `${printable(attribute)}: of ${figures.count} pictures only`),
    `PLCC after the logistic fit ${decimals(plccAfterLogisticFit)}; accuracy at ${accuracy.threshold} ${decimals(accuracy.value)}`,
    ...summary.coverage.map(
      ({ level, coverage }) => `${level * 100}% intervals hold ${decimals(coverage)} of the ratings`,
    ),
  ];
  if (summary.sets) lines.push(...setLines(summary.sets));
  const { [SCORE]: main, ...others } = summary.intervals ?? {};
  if (main) lines.push(...intervalLines(main));
  for (const [attribute, found] of Object.entries(others)) {
    const [held, wide] = [found.coverage, found.width].map((figure) => decimals(figure?.value ?? null));
    lines.push(`  ${printable(attribute)}: ${held}, mean width ${wide}${onScale(found)}`);
  }
  if (distributions.count > 0) {
    const { count: pictures, emd, kl } = distributions;
    lines.push(`EMD ${decimals(emd)}, KL ${decimals(kl)} of the votes of ${pictures} pictures`);
  }
  if (captions) {
    const { cider, ciderD, spice } = captions;
    const scores = `CIDEr ${decimals(cider)}, CIDEr-D ${decimals(ciderD)}, ${spice.parser} ${decimals(spice.value)}`;
    lines.push(`${captions.count} comments: ${scores}`);
  }
  return `${lines.join("\n")}\n`;
}

/** How well sets are put in order. */
function setLines({ sets, pictures, pairs, best, worst }: SetFigures): string[] {
  const line = (what: string, { interval, chance }: SetAccuracy): string =>
    interval === null
      ? `${what}: nothing to tell apart`
      : `${what} ${decimals(interval.value)} [${decimals(interval.low)}, ${decimals(interval.high)}]; by chance ${decimals(chance)}`;
  const ties = pairs.ties > 0 ? ` (${pairs.ties} of equal ratings left out)` : "";
  return [
    `${sets} sets of ${pictures} pictures; intervals are over sets`,
    `${line(`  order of ${pairs.count} pairs`, pairs)}${ties}`,
    line("  best of a set", best),
    line("  worst of a set", worst),
  ];
}

function figuresOf(figures: Figures): string[] {
  return METRIC_NAMES.map((metric) => {
    const interval = figures[metric];
    return interval ? `${decimals(interval.value)} [${decimals(interval.low)}, ${decimals(interval.high)}]` : "-";
  });
}

function decimals(value: number | null): string {
  return value === null ? "-" : value.toFixed(3);
}
