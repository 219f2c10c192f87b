/** The label columns of a data set and their values by split. */
import { attributeScale, SPLITS, type LoadedDataset, type Sample, type ScoreScale, type Split } from "../types.js";
import { BINS, type ColumnReport, type ColumnSummary } from "./data-report.js";

/** A column of labels: one of a sample's numbers. */
export interface Column {
  readonly name: string;
  readonly scale: ScoreScale;
  readonly valueOf: (sample: Sample) => number | undefined;
}

/** Score, standard deviation where there is one, attributes by name. */
export function columnsOf(data: LoadedDataset, samples: readonly Sample[]): Column[] {
  const attributes = new Set(samples.flatMap(({ attributes: own }) => (own ? Object.keys(own) : [])));
  const columns: Column[] = [{ name: "score", scale: data.scale, valueOf: ({ score }) => score }];
  if (samples.some(({ std }) => std !== undefined)) {
    // No standard deviation exceeds half the width of the scale.
    const scale = { min: 0, max: (data.scale.max - data.scale.min) / 2 };
    columns.push({ name: "std", scale, valueOf: ({ std }) => std });
  }
  for (const name of attributes) {
    columns.push({ name, scale: attributeScale(data, name), valueOf: (sample) => sample.attributes?.[name] });
  }
  return columns;
}

/** A column's values by split. */
export function summariseColumn({ name, scale, valueOf }: Column, samples: readonly Sample[]): ColumnReport {
  const values: Record<Split, number[]> = { train: [], validation: [], test: [] };
  for (const sample of samples) {
    const value = valueOf(sample);
    if (value !== undefined) values[sample.split].push(value);
  }
  const { train, validation, test } = values;
  const splits = {
    train: summaryOf(train, scale),
    validation: summaryOf(validation, scale),
    test: summaryOf(test, scale),
  };
  return { name, scale, splits };
}

function summaryOf(values: readonly number[], { min, max }: ScoreScale): ColumnSummary {
  const finite = values.filter((value) => Number.isFinite(value));
  const bins = Array.from({ length: BINS }, () => 0);
  let [below, above, sum, low, high] = [0, 0, 0, Infinity, -Infinity];
  for (const value of finite) {
    sum += value;
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (value < min) below++;
    else if (value > max) above++;
    else {
      const bin = Math.min(BINS - 1, Math.floor(((value - min) / (max - min)) * BINS));
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
  }
  const mean = sum / finite.length;
  const variance = finite.reduce((total, value) => total + (value - mean) ** 2, 0) / finite.length;
  const counts = { count: values.length, nonFinite: values.length - finite.length, below, above };
  if (finite.length === 0) return { ...counts, min: null, max: null, mean: null, std: null, bins };
  return { ...counts, min: low, max: high, mean, std: Math.sqrt(variance), bins };
}

/** The splits in which a column has values. */
export function filledSplits(column: ColumnReport): Split[] {
  return SPLITS.filter((split) => column.splits[split].count > 0);
}
