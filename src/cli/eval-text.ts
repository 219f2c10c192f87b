/** The figures of an evaluation as a table. */
import type { LoadedDataset } from "../data/index.js";
import type { Figures, MetricName, Summary } from "../eval/runner/index.js";

const METRICS: readonly MetricName[] = ["srcc", "plcc", "krcc", "mae", "rmse"];

/** What `roc4mllm eval` prints. */
export function summaryText(summary: Summary, { name, scale }: Pick<LoadedDataset, "name" | "scale">): string {
  const { count, scored, failures, overall, attributes, accuracy, plccAfterLogisticFit } = summary;
  const lost = Object.entries(failures).map(([code, n]) => `${n} ${code}`);
  const lines = [
    `${name}, ${scale.min} to ${scale.max}: ${scored} of ${count} pictures${lost.length > 0 ? ` (${lost.join(", ")})` : ""}`,
    "",
    row("", METRICS.map((metric) => metric.toUpperCase())), // prettier-ignore
    figuresRow("score", overall),
    ...Object.entries(attributes).map(([attribute, figures]) => figuresRow(attribute, figures)),
    "",
    `PLCC after the logistic fit ${decimals(plccAfterLogisticFit)}; accuracy at ${accuracy.threshold} ${decimals(accuracy.value)}`,
    ...summary.coverage.map(
      ({ level, coverage }) => `${level * 100}% intervals hold ${decimals(coverage)} of the ratings`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function figuresRow(name: string, figures: Figures): string {
  return row(
    name,
    METRICS.map((metric) => {
      const interval = figures[metric];
      return interval ? `${decimals(interval.value)} [${decimals(interval.low)}, ${decimals(interval.high)}]` : "-";
    }),
  );
}

function row(name: string, cells: readonly string[]): string {
  return `${name.padEnd(16)}${cells.map((cell) => cell.padEnd(24)).join("")}`.trimEnd();
}

function decimals(value: number | null): string {
  return value === null ? "-" : value.toFixed(3);
}
