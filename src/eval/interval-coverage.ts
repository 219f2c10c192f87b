/** How the calibrated intervals of a checkpoint fare in an evaluation. */
import { attributeScale, type RatedDataset } from "../data/index.js";
import { recordedIn } from "../data/trained-on.js";
import { SCORE, type Calibration } from "../engine/calibration-file.js";
import { scoreInterval, unitEstimate } from "../engine/calibration.js";
import type { Labelled } from "../metrics/conformal.js";
import { intervalFigures, type IntervalFigures, type IntervalRow } from "../metrics/interval-figures.js";
import type { Prediction } from "./prediction.js";
import type { Selection } from "./selection.js";

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
 * The predictions of pictures that a calibration was not made of: of its own ones, intervals hold about the stated share whatever they
 * hold of others.
 */
export async function notCalibratedOn(
  predictions: readonly Prediction[],
  calibration: Calibration,
  selection: Pick<Selection, "data" | "labels" | "split">,
  note: (text: string) => void,
): Promise<readonly Prediction[]> {
  const { pictures } = calibration.data;
  if (pictures === undefined) {
    unrecordedNote(calibration, selection).forEach(note);
    return predictions;
  }
  const own = await recordedIn(pictures, predictions.map(({ image }) => image)); // prettier-ignore
  if (own.size === 0) return predictions;
  const others = predictions.filter(({ image }) => !own.has(image));
  const left = predictions.length - others.length;
  if (others.length === 0) note(`the intervals were calibrated on these very pictures, all ${left} of them: how many ratings they hold is not measured. Calibrate on one part of the data and evaluate on another (--split).`); // prettier-ignore
  else note(`the intervals were calibrated on ${left} of these ${predictions.length} pictures: how many ratings they hold is measured on the other ${others.length}`); // prettier-ignore
  return others;
}

/** Earlier versions did not record the pictures. */
function unrecordedNote(
  { data: of }: Calibration,
  { data, labels, split }: Parameters<typeof notCalibratedOn>[2],
): string[] {
  if (of.labels === labels)
    return ["the intervals were calibrated on these very pictures: of others they may hold less"];
  const mayShare = of.name === data.name && (of.split === split || [of.split, split].includes("all"));
  const text = `the calibration, of ${of.name}, ${of.split}, does not say which pictures it was made of: where they are among these, intervals may hold less of others. Calibrate again to have them left out.`;
  return mayShare ? [text] : [];
}

/**
 * Figures of the calibrated intervals by the score's name, on the data set's scales; undefined where no score has any.
 *
 * @param predictions none of them failed; those of {@link notCalibratedOn}
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
