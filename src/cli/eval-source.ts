/** Where the predictions of an evaluation come from: a checkpoint, another system's file, or an ONNX model. */
import { readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { LoadedDataset, Sample, ScoreScale } from "../data/index.js";
import type { Model, ScoringMethod } from "../engine/index.js";
import { RocError } from "../errors.js";
import { predict, readSystem, SCORE, type Prediction, type SystemPredictions } from "../eval/runner/index.js";
import { atomicWriteJson } from "../files/index.js";
import { findModel } from "./find-model.js";
import type { Context } from "./io.js";
import { createProgress } from "./progress.js";

/** The file that grows while a model predicts. */
export const PARTIAL = "predictions.partial.jsonl";

/** What was evaluated. */
export interface Source {
  /** Folder of the results. */
  readonly out: string;
  readonly kind: "model" | "predictions" | "onnx";
  /** A checkpoint or ONNX file with its digest, or a predictions file. */
  readonly system: string;
  readonly method?: ScoringMethod | undefined;
  /** Settings of an ONNX model. */
  readonly onnx?: object;
  /** Of libtorch, where it computed the predictions. */
  readonly torch?: string;
  readonly predictions: readonly Prediction[];
  /** Rows of a predictions file that belong to no picture. */
  readonly unmatched?: number;
  /** Columns of a predictions file that were read. */
  readonly columns?: SystemPredictions["columns"];
}

/** What is to be evaluated. */
export interface Wanted {
  readonly data: LoadedDataset;
  /** The rated pictures of the part, in their order. */
  readonly rated: readonly Sample[];
  /** Those of them to be predicted. */
  readonly samples: readonly Sample[];
  /** Those without an image file: among `samples` for a predictions file, which needs none. */
  readonly missing: readonly Sample[];
  /** Digest of the labels of all. */
  readonly labels: string;
  readonly split: string;
  readonly out: string | undefined;
  readonly fresh: boolean;
  readonly comments: boolean;
}

/** Predictions of a checkpoint. */
export async function fromCheckpoint(name: string, wanted: Wanted, context: Context): Promise<Source> {
  const { load } = await context.engine();
  const { folder, visionTower } = await findModel(name, undefined, context);
  using model = await load(folder, { visionTower });
  const source = await fromModel(model, "model", wanted, context);
  const { torchVersion } = await import("../torch/index.js");
  return { ...source, torch: torchVersion() };
}

/** Predictions of a live model, going on with what an interrupted evaluation left in the folder. */
export async function fromModel(
  model: Model,
  kind: Source["kind"],
  wanted: Wanted,
  { io, signal }: Context,
): Promise<Source> {
  const { data, samples, labels, split, comments, fresh } = wanted;
  const out = wanted.out ?? `eval-${model.name}-${data.name}`.replace(/[^\w.@-]+/g, "_");
  const partial = join(out, PARTIAL);
  if (fresh) await rm(partial, { force: true });
  const { name: system, method } = model;
  const settings = { system, data: labels, split, comments, ...("settings" in model && { onnx: model.settings }) };
  await checkSettings(join(out, "settings.json"), partial, settings);
  const progress = createProgress(io.stderr, "scored", samples.length);
  try {
    const onProgress = (done: number): void => progress.update(done);
    const predictions = await predict(model, data, samples, { partial, comments, signal, onProgress });
    return { out, kind, system, method, predictions };
  } finally {
    progress.stop();
  }
}

export interface FileFlags {
  readonly idColumn?: string;
  readonly scoreColumn?: string;
  readonly predictionsScale?: ScoreScale;
}

/** Predictions of a file; notes what of it does not fit the data. */
export async function fromFile(
  file: string,
  { idColumn, scoreColumn, predictionsScale }: FileFlags,
  { data, samples, split, out: named }: Wanted,
  { io }: Context,
): Promise<Source> {
  const out = named ?? join(dirname(resolve(file)), "eval");
  const tables = ["predictions.csv", "predictions.parquet"].map((name) => resolve(out, name));
  if (tables.includes(resolve(file))) {
    throw new RocError("USAGE", `${file} would be replaced by the results; give another folder as --out.`);
  }
  const options = { idColumn, scoreColumn, scale: predictionsScale };
  const { predictions, notes, unmatched, stranger, columns } = await readSystem(file, data, samples, options);
  for (const note of notes) io.stderr.write(`note: ${note}\n`);
  io.stderr.write(`Read the scores from column ${columns.score} of ${file}, the pictures from ${columns.id}.\n`);
  const where = split === "all" ? "the data" : `the ${split} part`;
  if (unmatched > 0)
    io.stderr.write(`note: of ${file}, ${unmatched} of the rows belong to no picture of ${where}, as ${stranger}\n`);
  return { out, kind: "predictions", system: file, predictions, unmatched, columns };
}

/** Notes scores off the data's scale: those of another one are of no use to the errors, and correlations do not show it. */
export function noteOutside({ kind, predictions }: Source, { min, max }: ScoreScale, { io }: Context): void {
  const scores = predictions.flatMap(({ predicted }) => predicted[SCORE] ?? []);
  const outside = scores.filter((score) => score < min || score > max).length;
  if (kind === "model" || outside === 0) return;
  const remedy = `if they are on another scale, name it by ${kind === "onnx" ? "--onnx-scale" : "--predictions-scale"}.`;
  io.stderr.write(`note: ${outside} of ${scores.length} scores lie outside of ${min} to ${max}; ${remedy}\n`);
}

/** An interrupted evaluation may only go on with what it was begun with. */
async function checkSettings(file: string, partial: string, settings: object): Promise<void> {
  const [before, begun] = await Promise.all([file, partial].map((path) => readFile(path, "utf8").catch(() => "")));
  if (begun && before !== settingsText(settings)) {
    const remedy = "Give another --out, or --fresh to throw that away.";
    throw new RocError("USAGE", `${partial} is of another model, data set or part of it. ${remedy}`);
  }
  await atomicWriteJson(file, settings);
}

/** As {@link atomicWriteJson} writes it. */
function settingsText(settings: object): string {
  return `${JSON.stringify(settings, null, 2)}\n`;
}
