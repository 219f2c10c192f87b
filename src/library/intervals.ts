/** Calibrated intervals of stored scores: they follow from score and spread, so that a library keeps none. */
import type { Calibration } from "../engine/calibration-file.js";
import { intervalsOf, misfit } from "../engine/calibration.js";
import type { Judge, Photo } from "./catalog.js";

/** Why a calibration does not hold for a judge's scores, as a clause; undefined where it does. */
export function judgeMisfit(
  calibration: Calibration,
  { name, checkpoint, settings }: Pick<Judge, "name" | "checkpoint" | "settings">,
): string | undefined {
  return misfit(calibration, { name, digest: checkpoint, settings });
}

/** Photos with the intervals of their scores. @param calibration that holds for the judge whose scores they have */
export function withPhotoIntervals<P extends Photo>(
  photos: readonly P[],
  { scale }: Pick<Judge, "scale">,
  calibration: Calibration,
): P[] {
  return photos.map((photo) => {
    const { score } = photo;
    return score ? { ...photo, score: { ...score, ...intervalsOf(calibration, score, scale) } } : photo;
  });
}
