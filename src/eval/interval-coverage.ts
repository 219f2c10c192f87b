/** How the calibrated intervals of a checkpoint fare in an evaluation. */
import { attributeScale, type RatedDataset } from "../data/index.js";
import { SCORE, type Calibration } from "../engine/calibration-file.js";
import { scoreInterval, unitEstimate } from "../engine/calibration.js";
import type { Labelled } from "../metrics/conformal.js";
import { intervalFigures, type IntervalFigures, type IntervalRow } from "../metrics/interval-figures.js";
import type { Prediction } from "./prediction.js";

/** A score that was predicted of a picture and rated, on the unit scale; undefined where either is missing. */
export function labelledIn(row: Prediction, name: string, data: Omit<RatedDataset, "samples">): Labelled | undefined {
  const [predicted, truth] = [row.predicted[name], row.truth[name]];
  if (typeof predicted !== "number" || truth === undefined) return undefined;
  const scale = attributeScale(data, name);
  // An attribute has the spread of the overall score.
  const spread = name === SCORE ? row : { std: row.std, distribution: null };
  return {
    ...unitEstimate(predicted, spread, scale, data.scale),
    truth: (truth - scale.min) / (scale.max - scale.min),
  };
}

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
      const labelled = labelledIn(row, name, data);
      const interval = labelled && scoreInterval(calibration, name, labelled, scale);
      if (!interval) return [];
      return [{ ...interval, truth: row.truth[name] as number, predicted: row.predicted[name] as number, group: row.theme }]; // prettier-ignore
    });
    return rows.length === 0 ? [] : [[name, intervalFigures(rows, calibration.level, scale)] as const];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
