/** Two systems on the same pictures. */
import { RocError } from "../errors.js";
import type { MetricName } from "../metrics/agreement.js";
import { ofPairs, pairedBootstrap, type BootstrapOptions, type Comparison } from "../metrics/bootstrap.js";
import { krcc, mae, plcc, rmse, srcc, type Numbers } from "../metrics/scores.js";
import { SCORE, type Prediction } from "./prediction.js";

const METRICS = { srcc, plcc, krcc, mae, rmse } as const satisfies Record<MetricName, unknown>;

export interface Versus {
  /** Pictures that both have a score for. */
  readonly count: number;
  /** Pictures of either that the other lacks, or has no score for. */
  readonly leftOut: number;
  /** Figures of `a` less those of `b`, with interval and p; null where one is not defined. */
  readonly differences: Readonly<Record<MetricName, Comparison | null>>;
}

/**
 * Compares two sets of predictions by a paired bootstrap.
 *
 * @param name of the score; default the overall one
 * @throws RocError DATA_INVALID where they share no picture, or disagree on what people said of one
 */
export function versus(
  a: readonly Prediction[],
  b: readonly Prediction[],
  options: BootstrapOptions,
  name = SCORE,
): Versus {
  const others = new Map(b.map((row) => [row.id, row]));
  const pairs = a.flatMap((row) => {
    const other = others.get(row.id);
    const [first, second, truth] = [row.predicted[name], other?.predicted[name], row.truth[name]];
    if (!other || typeof first !== "number" || typeof second !== "number" || truth === undefined) return [];
    if (other.truth[name] !== truth) {
      const ratings = `${truth} and ${other.truth[name]}`;
      throw new RocError(
        "DATA_INVALID",
        `Picture ${row.id} has two ratings, ${ratings}: these are not of the same data.`,
      );
    }
    return [{ first, second, truth }];
  });
  if (pairs.length === 0) throw new RocError("DATA_INVALID", `The two share no picture with a predicted ${name}.`);
  const all = new Set([...a, ...b].map(({ id }) => id)).size;
  const [first, second, truth] = (["first", "second", "truth"] as const).map((key) => pairs.map((pair) => pair[key])) as [number[], number[], number[]]; // prettier-ignore
  const compare = (metric: (predicted: Numbers, truth: Numbers) => number | null): Comparison | null =>
    pairedBootstrap(ofPairs(metric, first, truth), ofPairs(metric, second, truth), pairs.length, options);
  const entries = Object.entries(METRICS).map(([key, metric]) => [key, compare(metric)] as const);
  const differences = Object.fromEntries(entries) as unknown as Versus["differences"];
  return { count: pairs.length, leftOut: all - pairs.length, differences };
}
