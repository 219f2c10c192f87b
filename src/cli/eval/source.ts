/** Where the predictions of an evaluation come from: a checkpoint, another system's file, or an ONNX model. */
import { createHash } from "node:crypto";
import { dirname, join, resolve, sep } from "node:path";
import { z } from "zod";
import type { LoadedDataset, Sample, ScoreScale } from "../../data/index.js";
import type { Model, ScoringMethod } from "../../engine/index.js";
import { RocError } from "../../errors.js";
import { predict, readSystem, SCORE, SUMMARY_FILE, type Prediction, type SystemPredictions } from "../../eval/index.js";
import { differences, digestFile, exists, ifThere, readText, stampsOf, type Settings } from "../../files/index.js";
import { pathOfName } from "../../image/file-names.js";
import type { FoundModel } from "../shared/find-model.js";
import { placesOf } from "../../models/places.js";
import type { Context } from "../shared/io.js";
import { loadNamed, settingsOf, type ModelFlags } from "../shared/model-options.js";
import { packageVersion } from "../shared/program.js";
import { createProgress } from "../shared/progress.js";

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
  /** All that they depend on. */
  readonly settings: Settings;
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
  /** Only the first pictures. */
  readonly limit?: number | undefined;
  readonly out: string | undefined;
  readonly fresh: boolean;
  readonly comments: boolean;
}

/** Predictions of a checkpoint. */
export async function fromCheckpoint(
  name: string,
  flags: ModelFlags,
  wanted: Wanted,
  context: Context,
): Promise<Source> {
  let found: FoundModel | undefined;
  using model = await loadNamed(name, flags, context, (one) => (found = one));
  if (found) await tellTrainedOn(found, wanted, context);
  const source = await fromModel(model, "model", wanted, context);
  const { torchVersion } = await import("../../torch/index.js");
  return { ...source, torch: torchVersion() };
}

/** Figures of pictures that a checkpoint was trained on say how well it remembers. */
async function tellTrainedOn({ folder, base }: FoundModel, { samples }: Wanted, { io }: Context): Promise<void> {
  const { home } = await placesOf(folder, base);
  const { countTrainedOn } = await import("../../train/run/samples.js");
  const count = await countTrainedOn(home, samples.map(({ image }) => image)); // prettier-ignore
  if (count === 0) return;
  const what = `the checkpoint was trained on ${count} of these ${samples.length} pictures`;
  io.stderr.write(
    `note: ${what}: figures are better than on pictures that it has not seen; --split test leaves them out.\n`,
  );
}

/** Predictions of a live model, going on with what an interrupted evaluation left in the folder. */
export async function fromModel(
  model: Model,
  kind: Source["kind"],
  wanted: Wanted,
  { io, signal }: Context,
): Promise<Source> {
  const { data, samples, comments, fresh } = wanted;
  const out = wanted.out ?? `eval-${model.name}-${data.name}`.replace(/[^\w.@-]+/g, "_");
  const partial = join(out, PARTIAL);
  const { name: system, method } = model;
  const settings = { kind, ...settingsOf(model), ...dataSettings(wanted), comments, images: commonFolder(samples) };
  const all = { ...settings, pictures: await digestPictures(samples) };
  if (!fresh && !(await exists(partial))) await checkFinished(out, all);
  const progress = createProgress(io.stderr, "scored", samples.length);
  try {
    const onProgress = (done: number): void => progress.update(done);
    const options = { partial, settings, remedy: REMEDY, fresh, comments, signal, onProgress };
    const predictions = await predict(model, data, samples, options);
    return { out, kind, system, method, predictions, settings: all };
  } finally {
    progress.stop();
  }
}

const REMEDY = "Give another --out, or --fresh to throw that away.";

/** What figures depend on beside the system. */
function dataSettings({ data, labels, split, limit }: Wanted): Settings {
  const { name, scale, attributeScales } = data;
  const own = { ...(attributeScales && { attributeScales }), ...(limit !== undefined && { limit }) };
  return { data: name, scale, split, ...own, labels };
}

/** The folder that all pictures lie in or below. */
function commonFolder(samples: readonly Sample[]): string {
  const [first = [], ...others] = samples.map(({ image }) => dirname(image).split(sep));
  const parts = others.reduce((common, parts) => {
    const length = common.findIndex((part, i) => parts[i] !== part);
    return length < 0 ? common : common.slice(0, length);
  }, first);
  return parts.join(sep);
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
  const before = finished.safeParse(jsonOf(text));
  if (!before.success) throw new RocError("USAGE", `${file} does not say what it was made with. ${REMEDY}`);
  const different = differences(before.data.provenance.settings, settings);
  if (different.length === 0) return;
  throw new RocError("USAGE", `${out} holds an evaluation of other settings: ${different.join("; ")}. ${REMEDY}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
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
  wanted: Wanted,
  { io }: Context,
): Promise<Source> {
  const { data, samples, split, fresh, out = join(dirname(resolve(file)), "eval") } = wanted;
  const tables = ["predictions.csv", "predictions.parquet"].map((name) => resolve(out, name));
  if (tables.includes(resolve(file))) {
    throw new RocError("USAGE", `${file} would be replaced by the results; give another folder as --out.`);
  }
  const partial = join(out, PARTIAL);
  if (!fresh && (await exists(partial)))
    throw new RocError("USAGE", `${partial} is of an interrupted evaluation of a model. ${REMEDY}`);
  const options = { idColumn, scoreColumn, scale: predictionsScale };
  const {
    predictions,
    notes,
    unmatched,
    unmatchedId: stranger,
    columns,
  } = await readSystem(file, data, samples, options);
  const own = { predictions: await digestFile(file), columns, ...(predictionsScale && { predictionsScale }) };
  const settings = { kind: "predictions", ...own, ...dataSettings(wanted), version: packageVersion() };
  if (!fresh) await checkFinished(out, settings);
  for (const note of notes) io.stderr.write(`note: ${note}\n`);
  io.stderr.write(`Read the scores from column ${columns.score} of ${file}, the pictures from ${columns.id}.\n`);
  const where = split === "all" ? "the data" : `the ${split} part`;
  if (unmatched > 0)
    io.stderr.write(`note: of ${file}, ${unmatched} of the rows belong to no picture of ${where}, as ${stranger}\n`);
  return { out, kind: "predictions", system: file, predictions, settings, unmatched, columns };
}

/** Notes scores off the data's scale: those of another one are of no use to the errors, and correlations do not show it. */
export function noteOutside({ kind, predictions }: Source, { min, max }: ScoreScale, { io }: Context): void {
  const scores = predictions.flatMap(({ predicted }) => predicted[SCORE] ?? []);
  const outside = scores.filter((score) => score < min || score > max).length;
  if (kind === "model" || outside === 0) return;
  const remedy = `if they are on another scale, name it by ${kind === "onnx" ? "--onnx-scale" : "--predictions-scale"}.`;
  io.stderr.write(`note: ${outside} of ${scores.length} scores lie outside of ${min} to ${max}; ${remedy}\n`);
}
