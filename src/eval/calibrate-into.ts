/** The steps of a calibration: read the data, predict, calibrate every score, and write the file. */
import { constants } from "node:fs";
import { access, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { attributeScale, type Sample } from "../data/index.js";
import { recordOf, trainedOn } from "../data/trained-on.js";
import {
  CALIBRATION_HEAD,
  CALIBRATION_KIND,
  calibrationPlace,
  readCalibration,
  SCORE,
  type Calibration,
} from "../engine/calibration-file.js";
import { calibratedSettings } from "../engine/calibration.js";
import { DEMO_MODEL } from "../engine/demo.js";
import type { Model } from "../engine/index.js";
import { scoreSettings } from "../engine/score-settings.js";
import { isRocError, RocError } from "../errors.js";
import { atomicWriteJson, checkOutput, ifThere } from "../files/index.js";
import {
  calibrated,
  CONFORMAL_METHODS,
  foldRanges,
  shareText,
  type Calibrated,
  type ConformalMethod,
  type Labelled,
  requireEnough,
} from "../metrics/conformal.js";
import { expectedCoverage, intervalFigures, type IntervalFigures } from "../metrics/interval-figures.js";
import { openCheckpointFolder } from "../models/places.js";
import { Random } from "../random.js";
import { packageVersion } from "../version.js";
import type { CalibrationResult, CalibrationSpec } from "./calibrate.js";
import { checkFields } from "./check-spec.js";
import { labelledIn } from "./interval-coverage.js";
import { predict } from "./predict.js";
import { succeeded, type Prediction } from "./prediction.js";
import { commonFolder, missingNote, selectSamples, type Selection } from "./selection.js";
import { dataSettings, openFolder } from "./source.js";
import type { EvaluateOptions } from "./spec.js";

const REMEDY = "Calibrate with the same, or throw that away by --fresh (fresh).";
/** Grows while pictures are scored, and goes away at the end. */
const PARTIAL = ".partial.jsonl";

const level = z.number().gt(0).lt(1);
const ownFields = z.looseObject({
  levels: z.array(level).min(1).optional(),
  method: z.enum([...CONFORMAL_METHODS, "auto"]).optional(),
  seed: z.int().min(0).optional(),
  split: z.string().optional(),
  limit: z.int().min(1).optional(),
  out: z.string().min(1).optional(),
});

/** What a calibration notes. */
interface Noting extends EvaluateOptions {
  readonly note: (text: string) => void;
}

/** Calibrates as `calibrate()` does. */
export async function calibrateInto(spec: CalibrationSpec, options: EvaluateOptions): Promise<CalibrationResult> {
  checkFields("calibrate()", ownFields, spec);
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    options.onProgress?.({ type: "note", text });
  };
  const { model: given, load = {}, split = "validation" } = spec;
  const selection = await selectSamples({ ...spec, split, model: undefined });
  [...selection.data.notes, ...missingNote(selection, { data: spec.data })].forEach(note);
  const noting = { ...options, note };
  if (typeof given !== "string" && !(given instanceof URL)) return { ...(await withModel(given, selection, spec, noting)), notes }; // prettier-ignore
  const { pack = "auto" } = load;
  const settings = { onNote: note, ...load, pack, calibration: false, signal: options.signal } as const;
  using model = await (options.open ?? openFolder)(given, settings);
  return { ...(await withModel(model, selection, spec, noting)), notes };
}

async function withModel(
  model: Model,
  selection: Selection,
  spec: CalibrationSpec,
  options: Noting,
): Promise<Omit<CalibrationResult, "notes">> {
  if (model.digest === undefined)
    throw new RocError(
      "USAGE",
      "calibrate(): a model of live parts cannot be told from another. Save it, and load it.",
    );
  const file = await fileOf(model, spec);
  await noteReplaced(file, options);
  const samples = await unseenOf(model, selection, options);
  const { fresh, levels = [0.9] } = spec;
  // Before hours of scoring.
  for (const level of levels) requireEnough(samples.length, level);
  const partial = `${file}${PARTIAL}`;
  const images = commonFolder(samples);
  const settings = { kind: "calibration", ...scoreSettings(model), ...dataSettings(selection), images };
  const onProgress = (done: number, total: number): void => options.onProgress?.({ type: "scored", done, total });
  const keeping = { partial, settings, remedy: REMEDY, fresh, signal: options.signal };
  const looked = await predict(model, selection.data, samples, { ...keeping, onProgress });
  const predictions = looked.filter(succeeded);
  if (predictions.length < looked.length)
    options.note(`${looked.length - predictions.length} of ${looked.length} pictures have no score, and do not count`);
  const made = calibrateAll(predictions, selection, { ...spec, levels });
  const pictures = await recordOf(predictions.map(({ image }) => image));
  const calibration = calibrationOf(model, selection, { predictions, pictures }, made.scores, spec, levels[0] as number); // prettier-ignore
  await atomicWriteJson(file, calibration);
  await rm(partial, { force: true });
  const counts = (made.scores[SCORE] ?? []).map(({ count, level: one }) => expectedCoverage(count, one));
  return { file, calibration, figures: made.figures, expected: counts };
}

/** A snapshot of the hub's cache, which is shared and replaced. */
const SNAPSHOT = /[\\/]snapshots[\\/][0-9a-f]{40}([\\/]|$)/;

/**
 * Where it is kept.
 *
 * @throws RocError USAGE where that is no place of the user's own or a file of another kind is there, FILE_UNWRITABLE; before anything
 *   is scored
 */
async function fileOf(model: Model, { out }: CalibrationSpec): Promise<string> {
  const folder = model.folder;
  if (out !== undefined) {
    await checkOutput(out, CALIBRATION_KIND);
    return out;
  }
  const remedy = "Name a file by --out, and score with it: roc4mllm score --calibration FILE";
  if (folder === undefined) throw new RocError("USAGE", `calibrate(): the model has no folder. ${remedy}.`);
  const file = await calibrationPlace(await openCheckpointFolder(folder));
  const whose = SNAPSHOT.test(file) ? "the hub's cache" : folder === DEMO_MODEL ? "the package" : undefined;
  if (whose !== undefined) throw new RocError("USAGE", `${folder} belongs to ${whose}. ${remedy}.`);
  await access(dirname(file), constants.W_OK).catch((cause: unknown) => {
    throw new RocError("USAGE", `${dirname(file)} cannot be written to. ${remedy}.`, { cause });
  });
  return file;
}

/** Says before anything is scored what the new calibration takes the place of. */
async function noteReplaced(file: string, { note }: Noting): Promise<void> {
  const found = await ifThere(readCalibration(file).then(contentText)).catch((error: unknown) => {
    if (isRocError(error)) return `cannot be read as a calibration (${error.message})`;
    throw error;
  });
  if (found !== undefined) note(`${file} is there already and will be replaced: it ${found}`);
}

function contentText({ checkpoint, data, scores, date }: Calibration): string {
  const levels = (scores[SCORE] ?? []).map((one) => shareText(one.level)).join(", ");
  return `has intervals of ${levels} for ${checkpoint.name}, from ${data.count} pictures of ${data.name}, ${data.split}, made on ${date}`;
}

/** Those that the checkpoint was not trained on: of the others it remembers the ratings, and intervals would be too narrow. */
async function unseenOf({ folder }: Model, { samples }: Selection, { note }: Noting): Promise<readonly Sample[]> {
  const seen = folder === undefined ? new Set() : await trainedOn(folder, samples.map(({ image }) => image)); // prettier-ignore
  if (seen.size === 0) return samples;
  const left = samples.filter(({ image }) => !seen.has(image));
  if (left.length === 0)
    throw new RocError("DATA_INVALID", `The checkpoint was trained on all of these ${samples.length} pictures. Take another --split.`); // prettier-ignore
  note(`left out ${samples.length - left.length} pictures that the checkpoint was trained on`);
  return left;
}

interface Named {
  readonly rows: readonly Labelled[];
  readonly predictions: readonly Prediction[];
}

/** The predictions of a score that has a rating, on the unit scale. */
function rowsOf(name: string, predictions: readonly Prediction[], { data }: Selection): Named {
  const rated = predictions.flatMap((row) => {
    const labelled = labelledIn(row, name, data);
    return labelled ? [{ row, labelled }] : [];
  });
  return { rows: rated.map(({ labelled }) => labelled), predictions: rated.map(({ row }) => row) };
}

interface Made {
  readonly scores: Record<string, readonly Calibrated[]>;
  readonly figures: Record<string, readonly (IntervalFigures | null)[]>;
}

/** Every score that was predicted and rated, at every level. @throws RocError DATA_INVALID */
function calibrateAll(
  predictions: readonly Prediction[],
  selection: Selection,
  { levels = [], method = "auto", seed = 0 }: CalibrationSpec,
): Made {
  const names = new Set([SCORE, ...predictions.flatMap(({ predicted }) => Object.keys(predicted))]);
  const made: Made = { scores: {}, figures: {} };
  for (const name of names) {
    const named = rowsOf(name, predictions, selection);
    // An attribute that nobody rated has none.
    if (named.rows.length === 0 && name !== SCORE) continue;
    const draws = named.predictions.map(({ id }) => new Random(seed, "calibration", id).next());
    const wanted = method === "auto" ? undefined : methodFor(name, method);
    const all = levels.map((one) => calibrated(named.rows, { level: one, method: wanted, draws }));
    made.scores[name] = all;
    made.figures[name] = all.map((one) => figuresOf(name, named, one, selection));
  }
  return made;
}

/** An attribute has no distribution of its own. */
function methodFor(name: string, method: ConformalMethod): ConformalMethod {
  return name !== SCORE && method === "quantiles" ? "absolute" : method;
}

function figuresOf(
  name: string,
  { rows, predictions }: Named,
  { level: one, method }: Calibrated,
  { data }: Selection,
): IntervalFigures | null {
  const ranges = foldRanges(rows, one, method);
  const scale = attributeScale(data, name);
  const { min, max } = scale;
  const placed = (value: number): number => min + value * (max - min);
  const held = ranges?.map(([low, high], i) => ({
    low: placed(low),
    high: placed(high),
    truth: placed(rows[i]?.truth ?? NaN),
    predicted: placed(rows[i]?.value ?? NaN),
    group: predictions[i]?.theme,
  }));
  return held ? intervalFigures(held, one, scale) : null;
}

function calibrationOf(
  model: Model,
  { data, labels, split }: Selection,
  { predictions, pictures }: { readonly predictions: readonly Prediction[]; readonly pictures: string },
  scores: Calibration["scores"],
  { seed = 0 }: CalibrationSpec,
  shown: number,
): Calibration {
  return {
    ...CALIBRATION_HEAD,
    level: shown,
    checkpoint: { name: model.name, digest: model.digest ?? "" },
    settings: calibratedSettings(model),
    data: { name: data.name, split, labels, scale: { ...data.scale }, count: predictions.length, pictures },
    scores,
    seed,
    program: packageVersion(),
    date: new Date().toISOString(),
  };
}
