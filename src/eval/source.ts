/** Where the predictions of an evaluation come from: a checkpoint, another system's file, or an ONNX model. */
import { createHash } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import type { Sample, ScoreScale } from "../data/index.js";
import { countTrainedOn } from "../data/trained-on.js";
import { DEMO_MODEL } from "../engine/demo.js";
import type { LoadOptions, Model, ScoringMethod } from "../engine/index.js";
import type { Calibration } from "../engine/calibration-file.js";
import { scoreSettings } from "../engine/score-settings.js";
import { RocError } from "../errors.js";
import { differences, digestFile, exists, ifThere, readText, stampsOf, type Settings } from "../files/index.js";
import { pathOfName } from "../image/file-names.js";
import { packageVersion } from "../version.js";
import type { EvaluateOptions, EvaluationSpec } from "./spec.js";
import { PARTIAL_FILE, SUMMARY_FILE, TABLE_FORMATS, tableFile } from "./folder.js";
import { predict } from "./predict.js";
import { SCORE, type Prediction } from "./prediction.js";
import { commonFolder, withMissing, type Selection } from "./selection.js";
import { readSystem, type SystemPredictions } from "./system.js";
import { parseJson } from "./values.js";

/** The predictions, and what gave them. */
export interface Source {
  /** Folder of the results. */
  readonly out: string;
  readonly kind: "model" | "predictions" | "onnx";
  /** A checkpoint or ONNX file with its digest, or a predictions file. */
  readonly system: string;
  readonly method?: ScoringMethod | undefined;
  /** Settings of an ONNX model. */
  readonly onnx?: object;
  /** Of the checkpoint's intervals. */
  readonly calibration?: Calibration | undefined;
  /** Of libtorch, where it computed the predictions. */
  readonly torch?: string;
  /** A row per rated picture. */
  readonly predictions: readonly Prediction[];
  /** All that they depend on. */
  readonly settings: Settings;
  /** Rows of a predictions file that belong to no picture. */
  readonly unmatched?: number;
  /** Columns of a predictions file that were read. */
  readonly columns?: SystemPredictions["columns"];
}

/** {@link EvaluateOptions}, with a place for notes. */
export interface SourceOptions extends EvaluateOptions {
  readonly note: (text: string) => void;
}

/** The predictions of the system that a spec names. @throws RocError as `evaluate()` */
export function predictionsOf(spec: EvaluationSpec, selection: Selection, options: SourceOptions): Promise<Source> {
  if (spec.predictions !== undefined) return fromFile(spec.predictions, spec, selection, options);
  if (spec.onnx !== undefined) return fromOnnx(spec.onnx, spec, selection, options);
  return fromCheckpoint(spec, selection, options);
}

async function fromCheckpoint(spec: EvaluationSpec, selection: Selection, options: SourceOptions): Promise<Source> {
  const { model: given = DEMO_MODEL, load = {} } = spec;
  if (typeof given !== "string" && !(given instanceof URL)) return fromLive(given, spec, selection, options);
  const { note: onNote, signal } = options;
  // However many pictures: an evaluation that is resumed has the same settings.
  const { pack = "auto" } = load;
  using model = await (options.open ?? openFolder)(given, { onNote, ...load, pack, signal });
  return await fromLoaded(model, spec, selection, options);
}

export async function openFolder(folder: string | URL, options: LoadOptions): Promise<Model> {
  const { load } = await import("../engine/index.js");
  return load(folder, options);
}

/** @throws RocError USAGE where the folder has predictions of a model that cannot be told from this one */
async function fromLive(
  model: Model,
  spec: EvaluationSpec,
  selection: Selection,
  options: SourceOptions,
): Promise<Source> {
  const partial = join(folderOf(model, spec, selection), PARTIAL_FILE);
  if (model.digest === undefined && !spec.fresh && (await exists(partial))) {
    const why = `${partial} is of an interrupted evaluation, and a model of live parts cannot be told from another`;
    throw new RocError("USAGE", `${why}. ${REMEDY}`);
  }
  return fromLoaded(model, spec, selection, options);
}

async function fromLoaded(
  model: Model,
  spec: EvaluationSpec,
  selection: Selection,
  options: SourceOptions,
): Promise<Source> {
  if (model.folder !== undefined) await noteTrainedOn(model.folder, selection, options);
  const source = await fromModel(model, "model", spec, selection, options);
  const { torchVersion } = await import("../torch/index.js");
  return { ...source, torch: torchVersion() };
}

/** Figures of pictures that a checkpoint was trained on say how well it remembers. */
async function noteTrainedOn(checkpoint: string, { samples }: Selection, { note }: SourceOptions): Promise<void> {
  const count = await countTrainedOn(
    checkpoint,
    samples.map(({ image }) => image),
  );
  if (count === 0) return;
  const what = `the checkpoint was trained on ${count} of these ${samples.length} pictures`;
  note(`${what}: figures are better than on pictures that it has not seen; --split test leaves them out.`);
}

async function fromOnnx(
  file: string,
  spec: EvaluationSpec,
  selection: Selection,
  options: SourceOptions,
): Promise<Source> {
  const { loadOnnx } = await import("./onnx/model.js");
  using model = await loadOnnx(file, spec.onnxSettings ?? {}, selection.data.scale);
  const source = await fromModel(model, "onnx", spec, selection, options);
  return { ...source, onnx: model.settings };
}

/** Predictions of a live model, resuming what an interrupted evaluation left in the folder. */
async function fromModel(
  model: Model,
  kind: Source["kind"],
  spec: EvaluationSpec,
  selection: Selection,
  { signal, onProgress }: SourceOptions,
): Promise<Source> {
  const { comments = false, fresh = false } = spec;
  const { data, samples } = selection;
  const out = folderOf(model, spec, selection);
  const partial = join(out, PARTIAL_FILE);
  const { name: system, method, calibration } = model;
  const images = commonFolder(samples);
  const settings = { kind, ...scoreSettings(model), ...dataSettings(selection), comments, images };
  const all = { ...settings, pictures: await digestPictures(samples) };
  if (!fresh && !(await exists(partial))) await checkFinished(out, all);
  const scored = (done: number, total: number): void => onProgress?.({ type: "scored", done, total });
  const keeping = { partial, settings, remedy: REMEDY, fresh };
  const looked = await predict(model, data, samples, { ...keeping, comments, signal, onProgress: scored });
  return { out, kind, system, method, calibration, predictions: withMissing(looked, selection), settings: all };
}

function folderOf(model: Model, { out }: EvaluationSpec, { data }: Selection): string {
  return out ?? `eval-${model.name}-${data.name}`.replace(/[^\w.@-]+/g, "_");
}

const REMEDY = "Give another --out, or --fresh to throw that away.";

/** What figures depend on beside the system. */
export function dataSettings({ data, labels, split, limit }: Selection): Settings {
  const { name, scale, attributeScales } = data;
  const own = { ...(attributeScales && { attributeScales }), ...(limit !== undefined && { limit }) };
  return { data: name, scale, split, ...own, labels };
}

/** Digest of the pictures' paths, sizes, times and ends. */
async function digestPictures(samples: readonly Sample[]): Promise<string> {
  const stamps = await stampsOf(samples.map(({ image }) => pathOfName(image)));
  const hash = createHash("sha256");
  samples.forEach(({ image }, i) => hash.update(`${JSON.stringify([image, stamps[i] ?? null])}\n`));
  return hash.digest("hex").slice(0, 16);
}

const finished = z.looseObject({ provenance: z.looseObject({ settings: z.record(z.string(), z.unknown()) }) });

/** @throws RocError USAGE where the folder holds a finished evaluation of other settings, naming what differs */
async function checkFinished(out: string, settings: Settings): Promise<void> {
  const file = join(out, SUMMARY_FILE);
  const text = await ifThere(readText(file));
  if (text === undefined) return;
  const before = finished.safeParse(parseJson(text));
  if (!before.success) throw new RocError("USAGE", `${file} does not say what it was made with. ${REMEDY}`);
  const different = differences(before.data.provenance.settings, settings);
  if (different.length === 0) return;
  throw new RocError("USAGE", `${out} holds an evaluation of other settings: ${different.join("; ")}. ${REMEDY}`);
}

/** Predictions of a file; notes what of it does not fit the data. */
async function fromFile(
  file: string,
  spec: EvaluationSpec,
  selection: Selection,
  { note, onProgress }: SourceOptions,
): Promise<Source> {
  const { idColumn, scoreColumn, predictionsScale: scale, out = join(dirname(resolve(file)), "eval"), fresh } = spec;
  const { data, samples } = selection;
  const tables = TABLE_FORMATS.map((format) => resolve(out, tableFile(format)));
  if (tables.includes(resolve(file))) {
    throw new RocError("USAGE", `${file} would be replaced by the results; give another folder as --out.`);
  }
  const partial = join(out, PARTIAL_FILE);
  if (!fresh && (await exists(partial)))
    throw new RocError("USAGE", `${partial} is of an interrupted evaluation of a model. ${REMEDY}`);
  const system = await readSystem(file, data, samples, { idColumn, scoreColumn, scale });
  const { predictions, unmatched, columns } = system;
  const own = { predictions: await digestFile(file), columns, ...(scale && { predictionsScale: scale }) };
  const settings = { kind: "predictions", ...own, ...dataSettings(selection), version: packageVersion() };
  if (!fresh) await checkFinished(out, settings);
  system.notes.forEach(note);
  onProgress?.({ type: "columns", file, ...columns });
  unmatchedNote(file, system, selection).forEach(note);
  return { out, kind: "predictions", system: file, predictions, settings, unmatched, columns };
}

function unmatchedNote(file: string, { unmatched, unmatchedId }: SystemPredictions, { split }: Selection): string[] {
  const where = split === "all" ? "the data" : `the ${split} part`;
  return unmatched > 0
    ? [`of ${file}, ${unmatched} of the rows belong to no picture of ${where}, as ${unmatchedId}`]
    : [];
}

/** A note on scores off the data's scale: those of another one are of no use to the errors, and correlations do not show it. */
export function outsideNote({ kind, predictions }: Source, { min, max }: ScoreScale): string[] {
  const scores = predictions.flatMap(({ predicted }) => predicted[SCORE] ?? []);
  const outside = scores.filter((score) => score < min || score > max).length;
  if (kind === "model" || outside === 0) return [];
  const remedy = `if they are on another scale, name it by ${kind === "onnx" ? "--onnx-scale" : "--predictions-scale"}.`;
  return [`${outside} of ${scores.length} scores lie outside of ${min} to ${max}; ${remedy}`];
}
