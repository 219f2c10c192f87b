/** `calibrate()`: what `roc4mllm calibrate` does, as a function. */
import type { Calibration } from "../engine/calibration-file.js";
import type { ConformalMethod } from "../metrics/conformal.js";
import type { IntervalFigures } from "../metrics/interval-figures.js";
import type { EvaluateOptions, EvaluationSpec } from "./spec.js";

/**
 * What {@link calibrate} calibrates, and on what.
 *
 * @category Evaluation
 */
export interface CalibrationSpec extends Pick<EvaluationSpec, "data" | "split" | "limit" | "load"> {
  /** A checkpoint's folder, as `load()` takes it, or a loaded model, which stays the caller's. */
  readonly model: NonNullable<EvaluationSpec["model"]>;
  /** Shares of the ratings that intervals hold, each in (0, 1); results show the first. Default 0.9 alone. */
  readonly levels?: readonly number[] | undefined;
  /** Default: "auto", which is the one with the narrowest intervals on a fifth of the pictures; the others then calibrate. */
  readonly method?: ConformalMethod | "auto" | undefined;
  /** Of the draw of that fifth: a whole number from 0. Default 0. */
  readonly seed?: number | undefined;
  /** The file. Default: `calibration.json` in the checkpoint's folder. */
  readonly out?: string | undefined;
  /** Throw away what a stopped call has left. Default false. */
  readonly fresh?: boolean | undefined;
}

/**
 * What {@link calibrate} gives.
 *
 * @category Evaluation
 */
export interface CalibrationResult {
  /** The file that was written. */
  readonly file: string;
  /** What is in it. */
  readonly calibration: Calibration;
  /**
   * How intervals fare on the same pictures, by score and level: each fifth with those that the others calibrate. Null where they
   * are too few for that.
   */
  readonly figures: Readonly<Record<string, readonly (IntervalFigures | null)[]>>;
  /** Where the coverage of new pictures like these lies in 95 of 100 calibrations with so many pictures, by level. */
  readonly expected: readonly (readonly [low: number, high: number])[];
  /** What was reported as notes. */
  readonly notes: readonly string[];
}

/**
 * Calibrates intervals for a checkpoint on rated pictures that it was not trained on, by split conformal prediction, and keeps them
 * in its folder: results of the checkpoint with the same settings have an `interval` from then on (docs/intervals.md).
 *
 * Predictions are kept beside the file as they come: after a kill or an abort the same call goes on with the pictures that are left.
 *
 * @example
 * ```ts
 * import { calibrate, load } from "roc4mllm";
 *
 * const { file, calibration } = await calibrate({ model: "my-checkpoint/", data: "TAD66K/", split: "all", levels: [0.8] });
 * using model = await load("my-checkpoint/");
 * const { score, interval } = await model.scoreOne("photo.jpg");
 * console.error(file, calibration.scores["score"], score, interval?.low, interval?.high);
 * console.log(interval?.level); // 0.8
 * ```
 *
 * @category Evaluation
 * @throws RocError USAGE for a field that is not as documented, for a checkpoint whose folder is not the user's own or an `out` that
 *   is a file of another kind (name another `out`), and naming what differs from what a stopped call has left; DATA_INVALID where
 *   pictures are too few for a finite interval: it says how many are needed; else as {@link evaluate}
 */
export async function calibrate(spec: CalibrationSpec, options: EvaluateOptions = {}): Promise<CalibrationResult> {
  return (await import("./calibrate-into.js")).calibrateInto(spec, options);
}
