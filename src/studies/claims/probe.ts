/** What a base model sees: a linear probe of each attribute on what its vision tower and projector give the language model. */
import type { Sample } from "../../data/index.js";
import { cholesky, dot, gram, solve } from "../../metrics/algebra.js";
import { METRIC_NAMES, CountedPairs } from "../../metrics/agreement.js";
import { allRows } from "../../metrics/bootstrap.js";
import { mean } from "../../metrics/statistics.js";
import type { StrategyParts } from "../../roc/index.js";
import { inferenceMode, scope } from "../../torch/index.js";
import type { PixelCache } from "../../train/index.js";
import { meansOf, rowCounter } from "./factor-objective.js";

/** Pictures that a probe learns from at most: several times as many as a small model's features are wide. */
const MOST = 2000;
const BATCH = 50;
/** Of standardised features: little beside their number, so that it is all but least squares. */
const RIDGE = 10;

/**
 * SRCC of each attribute, and of the score as "overall", on `test`: predicted by ridge regression, learnt on `train`, from the mean of
 * a picture's projected rows.
 */
export async function probe(
  parts: Pick<StrategyParts, "model" | "processor">,
  { train, test }: { readonly train: readonly Sample[]; readonly test: readonly Sample[] },
  pixels: PixelCache,
): Promise<Record<string, number>> {
  const learnt = train.slice(0, MOST);
  const [features, held] = [await featuresOf(parts, learnt, pixels), await featuresOf(parts, test, pixels)];
  const ridge = new Ridge(features);
  const labels = ({ score, attributes }: Sample): Record<string, number> => ({ overall: score, ...attributes });
  const names = Object.keys(labels(test[0] as Sample));
  return Object.fromEntries(
    names.map((name) => {
      const of = (samples: readonly Sample[]): number[] => samples.map((sample) => labels(sample)[name] ?? NaN);
      const predicted = held.map(ridge.fit(of(learnt)));
      const srcc = new CountedPairs(predicted, of(test)).figures(allRows(test.length))[METRIC_NAMES.indexOf("srcc")];
      return [name, srcc ?? 0];
    }),
  );
}

async function featuresOf(
  { model, processor }: Pick<StrategyParts, "model" | "processor">,
  samples: readonly Sample[],
  pixels: PixelCache,
): Promise<Float64Array[]> {
  const rows = rowCounter({ model, processor });
  const all: Float64Array[] = [];
  for (let start = 0; start < samples.length; start += BATCH) {
    const batch = await Promise.all(samples.slice(start, start + BATCH).map((sample) => pixels.of(sample)));
    const numbers = inferenceMode(() =>
      scope(() => {
        const images = processor.batch(batch.filter((one) => one !== undefined));
        return meansOf(model.imageFeatures(images), rows(images)).toNumbers();
      }),
    );
    const width = model.hiddenSize;
    for (let at = 0; at < numbers.length; at += width) all.push(Float64Array.from(numbers.slice(at, at + width)));
  }
  return all;
}

/** Ridge regression on standardised features; several targets share the matrix. */
class Ridge {
  readonly #mean: Float64Array;
  readonly #scale: Float64Array;
  readonly #rows: readonly Float64Array[];
  readonly #factor: Float64Array;

  constructor(rows: readonly Float64Array[]) {
    const width = rows[0]?.length ?? 0;
    const columns = Array.from({ length: width }, (_, j) => Float64Array.from(rows, (row) => row[j] ?? NaN));
    this.#mean = Float64Array.from(columns, mean);
    this.#scale = Float64Array.from(columns, (column, j) => {
      const centre = this.#mean[j] ?? 0;
      return Math.sqrt(mean(column.map((value) => (value - centre) ** 2))) || 1;
    });
    this.#rows = rows.map((row) => this.#standard(row));
    const turned = Array.from({ length: width }, (_, j) => Float64Array.from(this.#rows, (row) => row[j] ?? NaN));
    // Both sides of the equation are divided by the number of pictures.
    const matrix = gram(turned).map((value, at) => value + (at % (width + 1) === 0 ? RIDGE / rows.length : 0));
    this.#factor = cholesky(matrix, width);
  }

  /** What the features say of a target; NaN in it is an error of the caller. */
  fit(target: readonly number[]): (features: Float64Array) => number {
    const centre = mean(Float64Array.from(target));
    const sums = new Float64Array(this.#mean.length);
    for (const [i, row] of this.#rows.entries())
      for (const [j, value] of row.entries())
        sums[j] = (sums[j] ?? 0) + (value * ((target[i] ?? NaN) - centre)) / target.length;
    const weights = solve(this.#factor, sums);
    return (features) => centre + dot(weights, this.#standard(features));
  }

  #standard(row: Float64Array): Float64Array {
    return row.map((value, j) => (value - (this.#mean[j] ?? 0)) / (this.#scale[j] ?? 1));
  }
}
