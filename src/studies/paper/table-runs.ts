/** The runs that fill our cells of a table, each a model trained and evaluated on a data set, and by what they are made. */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { digestCheckpoint } from "../../engine/identity.js";
import { RocError } from "../../errors.js";
import { readJson, type Settings } from "../../files/index.js";
import type { StrategyName } from "../../roc/strategy-names.js";
import { layeredConfig } from "../../train/start/config.js";
import type { TrainingSpec } from "../../train/index.js";
import { packageVersion } from "../../version.js";
import type { Job } from "../runner.js";
import { DATASETS, type Backbone, type DatasetKey, type PublishedTable, type RowSystem } from "./types.js";

/** The paper's recipe by data set, texts and backbone (compiled files are in dist/src/studies/paper/). */
const CONFIGS = fileURLToPath(new URL("../../../../configs/base", import.meta.url));

/** File names of the backbones' recipes. */
const BACKBONE_FILES: Readonly<Record<Backbone, string>> = {
  mplug_owl2: "mplug-owl2",
  llava: "llava-1.5",
  qwen2_vl: "qwen2-vl",
};

/** A model of ours that a table shows, on one data set: it fills that data set's cells of a row. */
export interface TableRun extends Job {
  /** As "ava-llava-roc"; also what its folders are called. */
  readonly name: string;
  readonly dataset: DatasetKey;
  readonly system: RowSystem & { readonly backbone: Backbone; readonly strategy: StrategyName };
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
}

/** Every run that a table's rows need, once. @param instead replaces mPLUG-Owl2 */
export function tableRuns({ rows, columns }: PublishedTable, instead: Backbone | undefined): TableRun[] {
  const runs = new Map<string, TableRun>();
  for (const { backbone: printed, strategy, comments = false } of rows) {
    if (!printed || !strategy) continue;
    const backbone = instead && printed === "mplug_owl2" ? instead : printed;
    for (const dataset of new Set(columns.map((column) => column.dataset))) {
      const name = [dataset, backbone, strategy, ...(comments ? ["comments"] : [])].join("-");
      runs.set(name, { name, dataset, system: { method: "", backbone, strategy, comments } });
    }
  }
  return [...runs.values()];
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
  const base = options.bases.get(run.system.backbone);
  const { pictures, seed, data } = options;
  const from =
    data === undefined
      ? { pictures, seed, ...(base !== undefined && { base: await digestCheckpoint(base) }) }
      : { data: resolve(dataFolder(run, options)) };
  const validation = validationOf(options).validation ?? null;
  return { ...changesOf(run, options), validation, ...from, version: packageVersion() };
}

/** How a run is trained: the paper's recipe; on the studio from a small checkpoint, on this machine's processor. */
export async function trainingSpec(run: TableRun, options: TableRunOptions): Promise<TrainingSpec> {
  const { dataset, system, name } = run;
  // Several scores in one answer: what the paper's multi-attribute tables are about.
  const attributes = dataset === "aadb" || dataset === "para";
  const texts = system.comments ? "score-and-comment" : attributes ? `${dataset}-attributes` : "score";
  const layers = ["paper", BACKBONE_FILES[system.backbone], dataset, texts];
  const base = baseOf(run, options);
  const values = {
    ...changesOf(run, options),
    ...(base !== undefined && { model: base }),
    data: { folder: dataFolder(run, options), ...validationOf(options) },
    out: join(options.work, "train", name),
  };
  return layeredConfig(layers.map((layer) => join(CONFIGS, `${layer}.yaml`)), values, name); // prettier-ignore
}

/** The small checkpoint that a run starts from on the studio. */
function baseOf({ system }: TableRun, { data, bases }: TableRunOptions): string | undefined {
  return data === undefined ? bases.get(system.backbone) : undefined;
}

/** Of the recipe. */
function changesOf(run: TableRun, options: TableRunOptions): Record<string, unknown> {
  const { epochs, seed } = options;
  const small = {
    device: "cpu",
    train: { epochs, learningRate: 1e-4, seed, weights: "float32", recompute: false },
  };
  const isSmall = baseOf(run, options) !== undefined;
  return { description: run.name, strategy: run.system.strategy, ...(isSmall && small) };
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
