/** Our own evaluations as the tables need them: which run folder holds which system on which data set. */
import { readdir } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { z } from "zod";
import { exists, readText } from "../../files/index.js";
import { isRocError, RocError } from "../../errors.js";
import { systemFacts } from "../../baselines/facts.js";
import { PAPER_STRATEGIES } from "../../roc/strategy-names.js";
import { datasetNamed } from "../../data/index.js";
import { parseJson } from "../../eval/values.js";
import { readSummary, SUMMARY_FILE, type RunSummary } from "../../eval/index.js";
import { BACKBONES, DATASETS, STARTS, type DatasetKey, type RowSystem } from "./types.js";

/** In a folder of run folders: the registry, where what the folders say of themselves is not enough. */
export const RUNS_FILE = "runs.json";

const names = <T extends object>(record: T) => Object.keys(record) as [keyof T & string, ...(keyof T & string)[]];

const entrySchema = z
  .strictObject({
    dataset: z.enum(names(DATASETS)),
    /** Run folder, seen from the registry's. */
    folder: z.string(),
    /** A method by its name in the tables, where it is no model of ours. */
    method: z.string().optional(),
    backbone: z.enum(names(BACKBONES)).optional(),
    strategy: z.enum(PAPER_STRATEGIES).optional(),
    comments: z.boolean().optional(),
    /** On the studio's synthetic copy of the data set. */
    studio: z.boolean().optional(),
  })
  .refine(({ method, backbone, strategy }) => method !== undefined || (backbone && strategy), {
    message: "needs a method, or a backbone and a strategy",
  });

const registrySchema = z.strictObject({ runs: z.array(entrySchema) });

/** An evaluation. */
export interface Evaluation {
  readonly dataset: DatasetKey;
  /** The attribute that was taken for the overall score (`--column`); absent: none. */
  readonly attribute?: string;
  readonly folder: string;
  readonly system: Partial<RowSystem>;
  readonly studio: boolean;
  readonly summary: RunSummary;
}

export interface FoundEvaluations {
  readonly runs: readonly Evaluation[];
  /** Folders that were skipped, and why. */
  readonly notes: readonly string[];
}

/**
 * The runs of a registry: a file as `{"runs": [{"dataset", "backbone", "strategy", "folder"}, ...]}`, or a folder with such
 * a `runs.json`, or a folder of run folders, each read by its own provenance.
 *
 * @throws RocError FILE_NOT_FOUND; DATA_INVALID naming file and key
 */
export async function readEvaluations(path: string): Promise<FoundEvaluations> {
  if (extname(path) === ".json") return registered(path);
  const file = join(path, RUNS_FILE);
  return (await exists(file)) ? registered(file) : scanned(path);
}

/** Where runs are looked for when no path is named. */
export const RUNS_FOLDER = "runs";

/** Those of the named path; without one, of the usual folder, if it is there. @throws as {@link readEvaluations} */
export async function usualEvaluations(path: string | undefined): Promise<FoundEvaluations> {
  if (path !== undefined) return readEvaluations(path);
  return (await exists(RUNS_FOLDER)) ? readEvaluations(RUNS_FOLDER) : { runs: [], notes: [] };
}

/** A note on the runs that are excluded for their data, where there are any. */
export function otherDataNote(runs: readonly Evaluation[], studio: boolean): string[] {
  const others = runs.filter((one) => one.studio !== studio).length;
  const what = studio
    ? "the data sets themselves; omit --studio for these"
    : "the studio's synthetic copies of the data sets";
  return others === 0 ? [] : [`${others} of ${runs.length} runs are left out, being on ${what}`];
}

async function registered(file: string): Promise<FoundEvaluations> {
  const example = '{"runs": [{"dataset": "ava", "backbone": "mplug_owl2", "strategy": "roc", "folder": "ava-roc"}]}';
  const parsed = registrySchema.safeParse(parseJson(await readText(file, { remedy: `Write it like ${example}.` })));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const what = `${issue?.path.join(".") || "the file"}: ${issue?.message ?? "not as expected"}`;
    throw new RocError("DATA_INVALID", `${file}: ${what}. Write it like ${example}.`);
  }
  const runs: Evaluation[] = [];
  for (const { dataset, folder, studio = false, method, backbone, strategy, comments } of parsed.data.runs) {
    const runFolder = resolve(dirname(file), folder);
    const summary = await readSummary(runFolder);
    const found = systemOf(summary, runFolder);
    const system = { ...(method !== undefined && { method }), ...(backbone && { backbone }), ...(strategy && { strategy }), ...(comments && { comments }), ...(found.start && { start: found.start }) }; // prettier-ignore
    checkEntry(file, runFolder, { dataset, studio, backbone, strategy }, summary);
    runs.push({ ...placeOf(summary.provenance), dataset, folder: runFolder, system, studio, summary });
  }
  return { runs, notes: [] };
}

/**
 * A registry may say more than a folder does, but nothing else.
 * @throws RocError DATA_INVALID naming the folder and what its summary says otherwise
 */
function checkEntry(
  file: string,
  folder: string,
  {
    dataset,
    studio,
    backbone,
    strategy,
  }: Pick<z.infer<typeof entrySchema>, "dataset" | "studio" | "backbone" | "strategy">,
  { provenance }: RunSummary,
): void {
  const { data, method, split, limit } = provenance;
  const known = placeOf(provenance)?.dataset;
  const family = names(BACKBONES).find((name) => name === method?.family);
  const own = PAPER_STRATEGIES.find((name) => name === method?.strategy);
  const wrong = [
    known !== undefined && known !== dataset && `its data set is ${data}, not ${DATASETS[dataset]}`,
    isStudio(provenance) !== studio &&
      `it is ${studio ? "not " : ""}of the studio's synthetic copy ("studio": ${!studio})`,
    split !== "test" && `it is of the split "${split}", not "test"`,
    limit !== undefined && `it is of the first ${limit} pictures only`,
    backbone && family && backbone !== family && `its backbone is ${family}, not ${backbone}`,
    strategy && own && strategy !== own && `its strategy is ${own}, not ${strategy}`,
  ].filter((text) => typeof text === "string");
  if (wrong.length === 0) return;
  throw new RocError(
    "DATA_INVALID",
    `${file}: the run folder ${folder} fits no such cell: ${wrong.join("; ")}. Correct the entry.`,
  );
}

/** Which data set of the paper, by its name, and of which attribute; the studio's own format is AVA's. */
function placeOf({ data }: RunSummary["provenance"]): Pick<Evaluation, "dataset" | "attribute"> | undefined {
  const { dataset: name, attribute } = datasetNamed(data);
  const dataset = names(DATASETS).find((key) => DATASETS[key] === name) ?? (name === "studio" ? "ava" : undefined);
  return dataset && { dataset, ...(attribute !== undefined && { attribute }) };
}

function isStudio({ data, studio }: RunSummary["provenance"]): boolean {
  return studio || data === "studio";
}

async function scanned(folder: string): Promise<FoundEvaluations> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new RocError("FILE_NOT_FOUND", `${folder} (--runs) cannot be read; give a folder of run folders.`, { cause });
  });
  const runs: Evaluation[] = [];
  const notes: string[] = [];
  for (const name of entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()) {
    // prettier-ignore
    const runFolder = join(folder, name);
    if (!(await exists(join(runFolder, SUMMARY_FILE)))) continue;
    try {
      const run = evaluationOf(runFolder, await readSummary(runFolder));
      if (run) runs.push(run);
      else notes.push(`${runFolder} is of no data set of the paper, or of a part of one.`);
    } catch (error) {
      if (!isRocError(error)) throw error;
      notes.push(`left out: ${error.message}`);
    }
  }
  return { runs, notes };
}

/** A run by what its summary says of it; undefined where it fits no table. */
function evaluationOf(folder: string, summary: RunSummary): Evaluation | undefined {
  const { split, limit } = summary.provenance;
  const place = placeOf(summary.provenance);
  if (place === undefined || split !== "test" || limit !== undefined) return undefined;
  return { ...place, folder, system: systemOf(summary, folder), studio: isStudio(summary.provenance), summary };
}

/** What a run is of, as its summary says; that a model began as a published fine-tune, its folder's name says. */
function systemOf({ provenance, captions }: RunSummary, folder: string): Partial<RowSystem> {
  const { kind, system, method } = provenance;
  if (kind !== "model") {
    const file = kind === "onnx" ? system.replace(/@[0-9a-f]+$/, "") : system;
    return { method: basename(file, extname(file)) };
  }
  if (method && systemFacts(method.family)) return { system: method.family };
  const backbone = names(BACKBONES).find((name) => name === method?.family);
  const strategy = PAPER_STRATEGIES.find((name) => name === method?.strategy);
  // A run whose every comment failed has no figures of them.
  const comments = captions !== null || (method?.answer.includes("{comment}") ?? false);
  const start = STARTS.find((name) => basename(folder).endsWith(`-${name}`));
  return {
    ...(backbone && { backbone }),
    ...(strategy && { strategy }),
    ...(comments && { comments }),
    ...(start && { start }),
  };
}

/**
 * The run of a row on a data set: by family, strategy and comments, by the classical system, or by the method's name. The
 * latest counts.
 *
 * @param attribute taken for the score; absent: runs of the overall score, which may have attributes beside it
 */
export function findEvaluation(
  runs: readonly Evaluation[],
  dataset: DatasetKey,
  row: RowSystem,
  attribute?: string,
): Evaluation | undefined {
  const fitting = runs.filter((run) => run.dataset === dataset && run.attribute === attribute && isOf(run.system, row));
  return fitting.toSorted((a, b) => (a.summary.provenance.date < b.summary.provenance.date ? 1 : -1))[0];
}

/** Whether two names of methods are one, as "MP_ada" and "mpada". */
export function isSameName(one: string, other: string): boolean {
  const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");
  return plain(one) === plain(other);
}

function isOf(found: Partial<RowSystem>, { method, system, backbone, strategy, start, comments = false }: RowSystem) {
  if ((found.comments ?? false) !== comments) return false;
  if (found.system !== undefined) return found.system === system;
  if (found.backbone !== undefined) {
    return found.backbone === backbone && found.strategy === strategy && found.start === start;
  }
  // A file named after a backbone is of the backbone as it is, not of one with the method's tokens.
  const bare = strategy !== "roc" || method === "ROC4MLLM";
  return found.method !== undefined && isSameName(found.method, method) && bare;
}
