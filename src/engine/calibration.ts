/** Intervals that were calibrated for a checkpoint, as a result of a model gets them. Loads no libtorch. */
import { RocError } from "../errors.js";
import { differences, ifThere } from "../files/index.js";
import { conformalRange, shareText, type Estimate } from "../metrics/conformal.js";
import type { CheckpointFolder } from "../models/places.js";
import type { Scale } from "../roc/index.js";
import { calibrationPlace, readCalibration, SCORE, type Calibration } from "./calibration-file.js";
import { deciding } from "./score-settings.js";
import type { Model, Outcome, ScoreInterval, ScoreResult } from "./types.js";

/** What moves a score's last digits at most, or in a way that intervals follow; the checkpoint is compared by itself. */
const FOLLOWED = ["scale", "device", "checkpoint"];

/** The settings that a calibration holds for, in the order of their names. */
export function calibratedSettings({ settings = {} }: Pick<Model, "settings">): Record<string, unknown> {
  const kept = deciding(settings).filter(([name]) => !FOLLOWED.includes(name));
  // As it is written.
  return JSON.parse(JSON.stringify(Object.fromEntries(kept))) as Record<string, unknown>;
}

/** Why a calibration does not hold for a model, as a clause; undefined where it does. */
export function misfit(
  { checkpoint, settings }: Pick<Calibration, "checkpoint" | "settings">,
  model: Pick<Model, "name" | "digest" | "settings">,
): string | undefined {
  if (checkpoint.digest !== model.digest) return `is of another checkpoint, ${checkpoint.name}`;
  const different = differences(settings, calibratedSettings(model));
  return different.length === 0 ? undefined : `is of other settings: ${different.join("; ")}`;
}

/** The calibration with another level shown. @throws RocError USAGE naming those that it has */
function atLevel(calibration: Calibration, level: number, file: string, folder: CheckpointFolder): Calibration {
  const levels = calibration.scores[SCORE] ?? Object.values(calibration.scores)[0] ?? [];
  if (levels.some((one) => one.level === level)) return { ...calibration, level };
  const known = levels.map((one) => String(one.level)).join(", ");
  const command = `roc4mllm calibrate --model ${folder.path} --data DIR --out ${file} --level ${known.replaceAll(", ", ",")},${level}`;
  throw new RocError(
    "USAGE",
    `${file} has no intervals of level ${level} (--level), but of ${known}. Give one of these, or calibrate again: ${command}`,
  );
}

/**
 * A score on a scale, as {@link Estimate} has it. An attribute has the spread of the overall score, and no distribution.
 *
 * @param spreadScale that the spread is on
 */
export function unitEstimate(
  value: number,
  { std, distribution }: Pick<ScoreResult, "std" | "distribution">,
  { min, max }: Scale,
  spreadScale: Scale = { min, max },
): Estimate {
  const length = spreadScale.max - spreadScale.min;
  return { value: (value - min) / (max - min), std: std === null ? null : std / length, distribution };
}

/** The interval of a score by its name, on its scale; undefined where none was calibrated, or the prediction lacks what it needs. */
export function scoreInterval(
  { scores, level }: Pick<Calibration, "scores" | "level">,
  name: string,
  estimate: Estimate,
  { min, max }: Scale,
): ScoreInterval | undefined {
  const levels = Object.hasOwn(scores, name) ? scores[name] : undefined;
  const found = levels?.find((one) => one.level === level);
  const range = found && conformalRange(estimate, found);
  if (!range) return undefined;
  const [low, high] = range.map((end) => min + end * (max - min));
  return { low: low ?? NaN, high: high ?? NaN, level };
}

/** What of a result its intervals follow from. */
type Estimated = Pick<ScoreResult, "score" | "std" | "distribution" | "attributes">;

/** The intervals of a result, on its scale. */
export function intervalsOf(
  calibration: Pick<Calibration, "scores" | "level">,
  result: Estimated,
  scale: Scale,
): Pick<ScoreResult, "interval" | "attributeIntervals"> {
  const of = (name: string, value: number, spread: Pick<ScoreResult, "std" | "distribution">) =>
    scoreInterval(calibration, name, unitEstimate(value, spread, scale), scale);
  const interval = of(SCORE, result.score, result);
  const attributes = Object.entries(result.attributes ?? {}).flatMap(([name, value]) => {
    const found = value === null ? undefined : of(name, value, { std: result.std, distribution: null });
    return found === undefined ? [] : [[name, found] as const];
  });
  return {
    ...(interval && { interval }),
    ...(attributes.length > 0 && { attributeIntervals: Object.fromEntries(attributes) }),
  };
}

/** An outcome with its intervals; those that it had are of another calibration. */
export function withIntervals(outcome: Outcome, calibration: Calibration | undefined): Outcome {
  if ("error" in outcome || calibration === undefined) return outcome;
  return { ...outcome, ...intervalsOf(calibration, outcome, outcome.scale) };
}

/** What of {@link LoadOptions} concerns intervals. */
export interface CalibrationOptions {
  readonly calibration?: string | false | undefined;
  readonly interval?: number | boolean | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * The calibration of a model that is loaded: that of a file, else of its folder where there is one.
 *
 * @returns undefined where there is none that holds: a note says why one that is there does not
 * @throws RocError USAGE where intervals were asked for and there are none; as {@link readCalibration} for a file that was given
 */
export async function calibrationFor(
  folder: CheckpointFolder,
  model: Pick<Model, "name" | "digest" | "settings">,
  { calibration: given, interval, onNote }: CalibrationOptions,
): Promise<Calibration | undefined> {
  if (given === false) return undefined;
  const isAsked = interval !== undefined && interval !== false;
  const file = given ?? (await calibrationPlace(folder));
  const reading = readCalibration(file);
  const found = await (given === undefined ? ifThere(reading) : reading).catch((error: unknown) => {
    if (given !== undefined || isAsked || !(error instanceof RocError)) throw error;
    onNote?.(`not calibrated, results have no intervals: ${error.message}`);
    return undefined;
  });
  const fault = found && misfit(found, model);
  if (found && fault === undefined)
    return typeof interval === "number" ? atLevel(found, interval, file, folder) : found;
  const remedy = `roc4mllm calibrate --model ${folder.path} --data DIR, where DIR has ratings of pictures like yours`;
  if (fault !== undefined) {
    const text = `not calibrated: ${file} ${fault}`;
    if (given !== undefined || isAsked) throw new RocError("USAGE", `${text}. Score as it was calibrated, or make another: ${remedy}.`); // prettier-ignore
    onNote?.(`${text}; results have no intervals`);
  } else if (isAsked)
    throw new RocError("USAGE", `no calibration: there is no ${file} (${typeof interval === "number" ? "--level" : "--interval"}). Make one: ${remedy}; or name one by --calibration FILE.`); // prettier-ignore
  return undefined;
}

/** What the intervals of a calibration say, as a sentence without its full stop. */
export function calibrationText({ level, data, scores }: Calibration): string {
  const { method, count } = scores[SCORE]?.find((one) => one.level === level) ?? {};
  const by = method === undefined ? "" : ` (${method}, ${count})`;
  return `Intervals hold ${shareText(level)} of the ratings of pictures like those of ${data.name}, ${data.split}${by}`;
}
