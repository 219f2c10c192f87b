/** What `reproduce --run` does about cells that no run fills: writes the synthetic copy, trains by the table's recipe, evaluates. */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { RocError } from "../../errors.js";
import { atomicWriteJson, checkSameSettings, exists, readJson, type Settings } from "../../files/index.js";
import { findRun, type Run } from "../../studies/paper/evaluations.js";
import { BACKBONES, type Backbone, type DatasetKey, type PublishedTable } from "../../studies/paper/types.js";
import type { StrategyName } from "../../roc/strategy-names.js";
import { packageVersion } from "../../version.js";
import { evalCommand } from "../eval/eval.js";
import type { Context } from "../shared/io.js";
import { trainCommand } from "../train/train.js";
import { writeSynthetic } from "./synthetic.js";

/** The paper's recipe by data set, texts and backbone (compiled files are in dist/src/cli/studies/). */
const CONFIGS = fileURLToPath(new URL("../../../../configs/base", import.meta.url));

/** File names of the backbones' recipes. */
const BACKBONE_FILES: Readonly<Record<Backbone, string>> = {
  mplug_owl2: "mplug-owl2",
  llava: "llava-1.5",
  qwen2_vl: "qwen2-vl",
};

export interface RunOptions {
  /** Folder that all of it goes to; runs lie in `runs/` there. */
  readonly work: string;
  /** Folder of the data sets, each in one of the name that the paper gives it; undefined: the studio's synthetic copies. */
  readonly data?: string | undefined;
  /** Small checkpoints to start from on the studio, by family. */
  readonly bases: ReadonlyMap<string, string>;
  /** Takes the place of mPLUG-Owl2. */
  readonly backbone?: Backbone | undefined;
  /** Pictures of a synthetic copy, and epochs on it. */
  readonly pictures: number;
  readonly epochs: number;
  readonly seed: number;
}

/** A model of ours that a table shows. */
interface Cell {
  readonly dataset: DatasetKey;
  readonly backbone: Backbone;
  readonly strategy: StrategyName;
  readonly comments: boolean;
  readonly attributes: boolean;
}

/**
 * Trains and evaluates what a table needs and `runs` lack, one after another. Stopped anywhere, the same call goes on.
 *
 * @returns notes on cells that cannot be made here
 * @throws what training and evaluation throw
 */
export async function makeRuns(
  table: PublishedTable,
  runs: readonly Run[],
  options: RunOptions,
  context: Context,
): Promise<string[]> {
  const notes: string[] = [];
  const studio = options.data === undefined;
  for (const cell of cellsOf(table, options.backbone)) {
    const { dataset, backbone, strategy, comments } = cell;
    const system = { method: "", backbone, strategy, comments };
    const found = findRun(runs.filter((run) => run.studio === studio), dataset, system); // prettier-ignore
    const name = nameOf(cell);
    if (found) {
      // One that somebody else made is taken as it is; ours has to be what is asked for now.
      if (resolve(found.folder) === resolve(options.work, "runs", name)) await checkMade(cell, options);
      continue;
    }
    if (studio && !options.bases.has(backbone)) {
      notes.push(`${nameOf(cell)} is left out: give a small ${BACKBONES[backbone]} to start from (--base FOLDER).`);
      continue;
    }
    context.io.stderr.write(`reproduce: ${nameOf(cell)}\n`);
    await makeRun(cell, options, context);
  }
  return notes;
}

/** Every model of ours in a table, once. */
function cellsOf(table: PublishedTable, instead: Backbone | undefined): Cell[] {
  const cells = new Map<string, Cell>();
  for (const { backbone: printed, strategy, comments = false } of table.rows) {
    if (!printed || !strategy) continue;
    const backbone = instead && printed === "mplug_owl2" ? instead : printed;
    for (const dataset of new Set(table.columns.map((column) => column.dataset))) {
      // Several scores in one answer: what the paper's multi-attribute tables are about.
      const attributes = dataset === "aadb" || dataset === "para";
      const cell = { dataset, backbone, strategy, comments, attributes };
      cells.set(nameOf(cell), cell);
    }
  }
  return [...cells.values()];
}

function nameOf({ dataset, backbone, strategy, comments }: Cell): string {
  return [dataset, backbone, strategy, ...(comments ? ["comments"] : [])].join("-");
}

/** Where it is kept what a run is made with. */
function madeFile(cell: Cell, { work }: RunOptions): string {
  return join(work, "configs", `${nameOf(cell)}.made.json`);
}

/** All that a run is made with: the training's configuration, the checkpoint that it starts from, the synthetic copy's pictures. */
async function madeWith(cell: Cell, options: RunOptions): Promise<Settings> {
  // Places and names may change: what lies there counts.
  const { extends: _, out: __, model: ___, data, ...recipe } = configOf(cell, options);
  const base = options.bases.get(cell.backbone);
  const { pictures, seed } = options;
  const { digestCheckpoint } = await import("../../engine/identity.js");
  const syntheticCopy = { pictures, seed, ...(base !== undefined && { base: await digestCheckpoint(base) }) };
  const from = options.data === undefined ? syntheticCopy : { data: resolve(dataFolder(cell.dataset, options)) };
  return { ...recipe, validation: data["validation"] ?? null, ...from, version: packageVersion() };
}

/** @throws RocError USAGE where the run was made with other settings than those of now, naming them; FILE_NOT_FOUND */
async function checkMade(cell: Cell, options: RunOptions): Promise<void> {
  const remedy = "Give another --work, or delete it to make it again.";
  const what = `The run ${join(options.work, "runs", nameOf(cell))}`;
  await checkSameSettings(madeFile(cell, options), await madeWith(cell, options), { what, remedy });
}

async function makeRun(cell: Cell, options: RunOptions, context: Context): Promise<void> {
  const name = nameOf(cell);
  const made = madeFile(cell, options);
  if (await exists(made)) await checkMade(cell, options);
  else await atomicWriteJson(made, await madeWith(cell, options));
  const data = await dataOf(cell.dataset, options, context);
  const config = join(options.work, "configs", `${name}.json`);
  const out = trainingOf(cell, options);
  await atomicWriteJson(config, configOf(cell, options));
  const quiet = { ...context, io: { ...context.io, stdout: context.io.stderr }, setExitCode: () => undefined };
  await trainCommand(quiet).exitOverride().parseAsync([config], { from: "user" });
  const results = join(options.work, "runs", name);
  const evaluation = ["--data", data, "--model", out, "--out", results];
  await evalCommand(quiet)
    .exitOverride()
    .parseAsync([...evaluation, ...(cell.comments ? ["--comments"] : [])], { from: "user" });
}

type Config = { readonly data: Readonly<Record<string, unknown>>; readonly extends: readonly string[]; readonly out: string; readonly model?: string }; // prettier-ignore

/** The paper's recipe; on the studio from a small checkpoint, on this machine's processor. */
function configOf(cell: Cell, options: RunOptions): Config {
  const [data, out] = [dataFolder(cell.dataset, options), trainingOf(cell, options)];
  const { dataset, backbone, strategy, comments, attributes } = cell;
  const texts = comments ? "score-and-comment" : attributes ? `${dataset}-attributes` : "score";
  const layers = ["paper", BACKBONE_FILES[backbone], dataset, texts].map((layer) => join(CONFIGS, `${layer}.yaml`));
  const base = options.bases.get(backbone);
  const small = base !== undefined && {
    model: base,
    device: "cpu",
    train: {
      epochs: options.epochs,
      learningRate: 1e-4,
      seed: options.seed,
      weights: "float32",
      recompute: false,
    },
  };
  const own = { description: nameOf(cell), extends: layers, strategy, out, ...(options.data === undefined && small) };
  // A smaller share of few pictures says nothing.
  return { ...own, data: { folder: data, ...(options.data === undefined && { validation: 0.1 }) } };
}

function trainingOf(cell: Cell, { work }: RunOptions): string {
  return join(work, "train", nameOf(cell));
}

function dataFolder(dataset: DatasetKey, { data, work }: RunOptions): string {
  return data === undefined ? join(work, "studio", dataset) : join(data, FOLDERS[dataset]);
}

/** The folder of a data set; on the studio its synthetic copy, which is written where it is not there. */
async function dataOf(dataset: DatasetKey, options: RunOptions, context: Context): Promise<string> {
  const { data, pictures, seed } = options;
  const folder = dataFolder(dataset, options);
  if (data === undefined) await writeSynthetic(dataset, folder, { count: pictures, seed }, context);
  return folder;
}

/** As the recipes name them. */
const FOLDERS: Readonly<Record<DatasetKey, string>> = {
  ava: "AVA",
  tad66k: "TAD66K",
  icaa17k: "ICAA17K",
  para: "PARA",
  aadb: "AADB",
  "ava-captions": "AVA-Captions",
};

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
