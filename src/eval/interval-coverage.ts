/** How the calibrated intervals of a checkpoint fare in an evaluation. */
import { attributeScale, type RatedDataset } from "../data/index.js";
import { SCORE, type Calibration } from "../engine/calibration-file.js";
import { scoreInterval, unitEstimate } from "../engine/calibration.js";
import { intervalFigures, type IntervalFigures, type IntervalRow } from "../metrics/interval-figures.js";
import type { Prediction } from "./prediction.js";

/**
 * Figures of the calibrated intervals by the score's name, on the data set's scales; undefined where no score has any.
 *
 * @param predictions none of them failed
 */
export function calibratedCoverage(
  predictions: readonly Prediction[],
  calibration: Pick<Calibration, "scores" | "level">,
  data: Omit<RatedDataset, "samples">,
): Readonly<Record<string, IntervalFigures>> | undefined {
  const entries = Object.keys(calibration.scores).flatMap((name) => {
    const scale = attributeScale(data, name);
    const rows = predictions.flatMap((row): IntervalRow[] => {
      const [predicted, truth] = [row.predicted[name], row.truth[name]];
      if (typeof predicted !== "number" || truth === undefined) return [];
      const spread = name === SCORE ? row : { std: row.std, distribution: null };
      const interval = scoreInterval(calibration, name, unitEstimate(predicted, spread, scale, data.scale), scale);
      return interval ? [{ ...interval, truth, predicted, group: row.theme }] : [];
    });
    return rows.length === 0 ? [] : [[name, intervalFigures(rows, calibration.level)] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
