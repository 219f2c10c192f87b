/** The runs that fill our cells of a table, each a model trained and evaluated on a data set, and by what they are made. */
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { systemFacts } from "../../baselines/facts.js";
import { SCORE_COLUMNS, type ScoreColumn } from "../../data/index.js";
import { digestCheckpoint } from "../../engine/identity.js";
import { RocError } from "../../errors.js";
import { exists, readJson, type Settings } from "../../files/index.js";
import type { StrategyName } from "../../roc/strategy-names.js";
import { filesOf, layeredConfig } from "../../train/start/config.js";
import type { TrainingSpec } from "../../train/index.js";
import { packageVersion } from "../../version.js";
import type { Job } from "../runner.js";
import {
  DATASETS,
  type Backbone,
  type DatasetKey,
  type PublishedTable,
  type RowSystem,
  type TableRow,
} from "./types.js";

/** The paper's recipe by data set, texts and backbone (compiled files are in dist/src/studies/paper/). */
const CONFIGS = fileURLToPath(new URL("../../../../configs", import.meta.url));

/** File names of the backbones' recipes. */
const BACKBONE_FILES: Readonly<Record<Backbone, string>> = {
  mplug_owl2: "mplug-owl2",
  llava: "llava-1.5",
  qwen2_vl: "qwen2-vl",
};

/** Folders of the classical systems' recipes, a file a data set and system; the first that has it counts. */
const TABLE_FOLDERS = ["table1", "table2", "table3", "table4"];

/** A model of ours that a table shows, on one data set: it fills that data set's cells of a row. */
export interface TableRun extends Job {
  /** As "ava-llava-roc"; also what its folders are called. */
  readonly name: string;
  readonly dataset: DatasetKey;
  /** Taken for the score, of a classical system that predicts one. */
  readonly attribute?: ScoreColumn | undefined;
  readonly system: RowSystem & (ModelRow | SystemRow);
}

interface ModelRow {
  readonly backbone: Backbone;
  readonly strategy: StrategyName;
}

interface SystemRow {
  readonly system: string;
}

function isSystemRow(row: RowSystem): row is RowSystem & SystemRow {
  return row.system !== undefined && whyUnmade(row) === undefined;
}

export interface TableRunOptions {
  /** Folder of all outputs: `runs/`, `train/`, `configs/`, and `studio/` for synthetic copies. */
  readonly work: string;
  /** Folder of the data sets, each in one of the name that the paper gives it; undefined: the studio's synthetic copies. */
  readonly data: string | undefined;
  /** Small checkpoints to start from on the studio, by family. */
  readonly bases: ReadonlyMap<string, string>;
  /** Pictures of a synthetic copy, and epochs on it. */
  readonly pictures: number;
  readonly epochs: number;
  readonly seed: number;
  /** Folder of the classifiers' weights that classical systems begin with. */
  readonly weights: string;
  /** Where classical systems are computed; absent: as their recipes say. */
  readonly device?: string | undefined;
}

/** Every run that a table's rows need, once. @param instead replaces mPLUG-Owl2 */
export function tableRuns({ rows, columns }: PublishedTable, instead: Backbone | undefined): TableRun[] {
  const runs = new Map<string, TableRun>();
  for (const row of rows) {
    const made = isSystemRow(row) ? systemRuns(row, columns) : modelRuns(row, columns, instead);
    for (const run of made) runs.set(run.name, run);
  }
  return [...runs.values()];
}

function modelRuns(
  { backbone: printed, strategy, comments = false, start }: TableRow,
  columns: PublishedTable["columns"],
  instead: Backbone | undefined,
): TableRun[] {
  if (!printed || !strategy) return [];
  const backbone = instead && printed === "mplug_owl2" ? instead : printed;
  return [...new Set(columns.map(({ dataset }) => dataset))].map((dataset) => {
    const name = [dataset, backbone, strategy, ...(comments ? ["comments"] : []), ...(start ? [start] : [])].join("-");
    return { name, dataset, system: { method: "", backbone, strategy, comments, ...(start && { start }) } };
  });
}

/** A run a data set of which the row has a figure, or, of a system with one score, a run an attribute. */
function systemRuns(row: TableRow & SystemRow, columns: PublishedTable["columns"]): TableRun[] {
  const { system, single = false, method } = row;
  return columns.flatMap(({ dataset, attribute }, k) => {
    if ((row.cells[k] ?? "-") === "-") return [];
    const apart = single ? SCORE_COLUMNS.find((name) => name === attribute) : undefined;
    const name = [dataset, system, ...(apart === undefined ? [] : [apart])].join("-");
    return [{ name, dataset, attribute: apart, system: { method, system, single } }];
  });
}

/** Where the evaluation of a run goes. */
export function evaluationFolder({ name }: TableRun, { work }: Pick<TableRunOptions, "work">): string {
  return join(work, "runs", name);
}

/** The data set of a run; on the studio its synthetic copy. */
export function dataFolder({ dataset }: TableRun, { data, work }: TableRunOptions): string {
  return data === undefined ? join(work, "studio", dataset) : join(data, DATASETS[dataset]);
}

/** File that records what a run is made with. */
export function settingsFile({ name }: TableRun, { work }: TableRunOptions): string {
  return join(work, "configs", `${name}.made.json`);
}

/** All that a run is made with: what differs from the recipe, the checkpoint that it starts from, the pictures. */
export async function settingsOf(run: TableRun, options: TableRunOptions): Promise<Settings> {
  const base = baseOf(run, options);
  const { pictures, seed, data } = options;
  const from =
    data === undefined
      ? { pictures, seed, ...(base !== undefined && { base: await digestCheckpoint(base) }) }
      : { data: resolve(dataFolder(run, options)) };
  const validation = validationOf(options).validation ?? null;
  const attribute = run.attribute === undefined ? {} : { attribute: run.attribute };
  const weights = isSystemRow(run.system) && data !== undefined ? { weights: resolve(options.weights) } : {};
  return { ...changesOf(run, options), ...attribute, ...weights, validation, ...from, version: packageVersion() };
}

/** How a run is trained: the paper's recipe; on the studio from a small checkpoint, on this machine's processor. */
export async function trainingSpec(run: TableRun, options: TableRunOptions): Promise<TrainingSpec> {
  const { system } = run;
  return isSystemRow(system) ? systemSpec(run, system, options) : modelSpec(run, system, options);
}

/**
 * A classical system by the recipe of its table; on the studio in a tiny size, from nothing.
 * @throws RocError CONFIG_INVALID
 */
async function systemSpec(run: TableRun, row: SystemRow, options: TableRunOptions): Promise<TrainingSpec> {
  const { name, attribute } = run;
  const file = await recipeFile(run, row);
  const { pretrained } = await layeredConfig([file], {}, file);
  const values = {
    ...changesOf(run, options),
    pretrained: options.data === undefined ? undefined : weightsOf(pretrained, options),
    data: { folder: dataFolder(run, options), ...(attribute && { column: attribute }), ...validationOf(options) },
    out: join(options.work, "train", name),
  };
  return layeredConfig([file], values, name);
}

/** The files that a recipe begins with, in the folder of weights. */
function weightsOf(pretrained: TrainingSpec["pretrained"], { weights }: TableRunOptions): TrainingSpec["pretrained"] {
  const files = filesOf(pretrained).map((file) => join(weights, basename(file)));
  return files.length > 1 ? files : files[0];
}

async function recipeFile({ dataset }: TableRun, { system }: SystemRow): Promise<string> {
  const files = TABLE_FOLDERS.map((folder) => join(CONFIGS, folder, `${dataset}-${system}.yaml`));
  for (const file of files) if (await exists(file)) return file;
  throw new RocError("INTERNAL", `There is no recipe ${files[0]}.`);
}

/** Why no run makes a row, as "is no system here"; undefined: one does. */
export function whyUnmade({ system, unmade, start }: RowSystem, studio = false): string | undefined {
  if (unmade !== undefined) return unmade;
  if (start && studio) return "begins with published weights, of which the studio has no small ones";
  return system === undefined || systemFacts(system) ? undefined : "is no system here";
}

/** The files of weights that a run begins with and that are not there. */
export async function missingWeights(run: TableRun, options: TableRunOptions): Promise<string[]> {
  if (!isSystemRow(run.system)) return [];
  const files = filesOf((await systemSpec(run, run.system, options)).pretrained);
  const here = await Promise.all(files.map((file) => exists(file)));
  return files.filter((_, i) => !here[i]);
}

async function modelSpec(run: TableRun, system: RowSystem & ModelRow, options: TableRunOptions): Promise<TrainingSpec> {
  const { dataset, name } = run;
  // Several scores in one answer: what the paper's multi-attribute tables are about.
  const attributes = dataset === "aadb" || dataset === "para";
  const texts = system.comments ? "score-and-comment" : attributes ? `${dataset}-attributes` : "score";
  const layers = ["paper", system.start ?? BACKBONE_FILES[system.backbone], dataset, texts];
  const base = baseOf(run, options);
  const values = {
    ...changesOf(run, options),
    ...(base !== undefined && { model: base }),
    data: { folder: dataFolder(run, options), ...validationOf(options) },
    out: join(options.work, "train", name),
  };
  return layeredConfig(
    layers.map((layer) => join(CONFIGS, "base", `${layer}.yaml`)),
    values,
    name,
  );
}

/** The small checkpoint that a run starts from on the studio. */
function baseOf({ system }: TableRun, { data, bases }: TableRunOptions): string | undefined {
  return data === undefined && !isSystemRow(system) ? bases.get(system.backbone) : undefined;
}

/** Of the recipe. */
function changesOf(run: TableRun, options: TableRunOptions): Record<string, unknown> {
  const { epochs, seed, device } = options;
  if (isSystemRow(run.system)) {
    const placed = device === undefined ? {} : { device };
    return { description: run.name, ...placed, ...(options.data === undefined && tinySystem(options)) };
  }
  const small = {
    device: "cpu",
    train: { epochs, learningRate: 1e-4, seed, weights: "float32", recompute: false },
  };
  const isSmall = baseOf(run, options) !== undefined;
  return { description: run.name, strategy: run.system.strategy, ...(isSmall && small) };
}

/** What a classical system is on the studio: a few thousand weights that begin as random numbers, and rates that these need. */
function tinySystem({ epochs, seed, device = "cpu" }: TableRunOptions): Record<string, unknown> {
  const ofRecipe = ["momentum", "nesterov", "drops", "dropEvery", "groups"];
  const none = Object.fromEntries(ofRecipe.map((key) => [key, undefined]));
  const train = {
    ...none,
    epochs,
    seed,
    batchSize: 16,
    learningRate: 1e-3,
    schedule: "constant",
    optimizer: "adam",
    precision: "float32",
  };
  return { tiny: true, device, train };
}

/** A smaller share of a synthetic copy's few pictures says nothing. */
function validationOf({ data }: TableRunOptions): { readonly validation?: number } {
  return data === undefined ? { validation: 0.1 } : {};
}

/** Folders of small checkpoints by the family that their config names. @throws RocError CONFIG_INVALID */
export async function basesByFamily(folders: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const folder of folders) {
    const file = join(folder, "config.json");
    const config = await readJson(file, { remedy: "--base names a checkpoint's folder." });
    const parsed = z.looseObject({ model_type: z.string() }).safeParse(config);
    if (!parsed.success) throw new RocError("CONFIG_INVALID", `${file} has no model_type.`);
    found.set(parsed.data.model_type, folder);
  }
  return found;
}
