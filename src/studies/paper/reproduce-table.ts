/** The work of `reproduce()`: finds the runs of a table, makes those that are missing, and puts all into it. */
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DEMO_MODEL } from "../../engine/demo.js";
import { RocError } from "../../errors.js";
import { exists, makeFolder } from "../../files/index.js";
import { runJobs } from "../runner.js";
import { findEvaluation, isSameName, otherDataNote, readEvaluations, usualEvaluations } from "./evaluations.js";
import { compareTable } from "./filled-table.js";
import { checkMade, makeRun } from "./make-run.js";
import { planRuns, type ConsideredRun } from "./plan-runs.js";
import type { ReproduceOptions, Reproduction, ReproductionSpec } from "./spec.js";
import {
  basesByFamily,
  dataFolder,
  evaluationFolder,
  missingWeights,
  tableRuns,
  whyUnmade,
  type TableRun,
  type TableRunOptions,
} from "./table-runs.js";
import { BACKBONES, DATASETS, type PublishedTable, type TableRow } from "./types.js";

/** See `reproduce()`. */
export async function reproduceTable(
  whole: PublishedTable,
  spec: Omit<ReproductionSpec, "table">,
  options: ReproduceOptions,
): Promise<Reproduction> {
  const table = rowsOf(whole, spec.only);
  const { studio = false, run = false } = spec;
  checkNumbers(spec);
  const notes: string[] = [];
  const note = (text: string): void => {
    notes.push(text);
    options.onProgress?.({ type: "note", text });
  };
  const backbone = spec.backbone ?? (studio && run ? "llava" : undefined);
  if (spec.dryRun && !run) throw new RocError("USAGE", "dryRun (--dry-run) goes with run (--run).");
  const runs = run ? await considered(table, { ...spec, backbone }, note) : undefined;
  if (runs && !spec.dryRun) await makeRuns(runs, options, note);
  const plan = runs && spec.dryRun ? await planRuns(runs.all, runs.options, options) : undefined;
  const found = runs === undefined ? await usualEvaluations(spec.runs) : await evaluationsIn(runs.folder);
  [...found.notes, ...otherDataNote(found.runs, studio)].forEach(note);
  const compared = compareTable(table, found.runs, { studio, ...(backbone && { backbone }) });
  return { table: compared, notes, ...(plan && { plan }) };
}

/** The rows of the named methods. @throws RocError USAGE for a name that no row has */
function rowsOf(table: PublishedTable, only: readonly string[] | undefined): PublishedTable {
  if (only === undefined) return table;
  const isNamed = ({ method, label, system }: TableRow, name: string): boolean =>
    [method, label, system ?? method].some((one) => isSameName(one, name));
  for (const name of only) {
    if (table.rows.some((row) => isNamed(row, name))) continue;
    const known = [...new Set(table.rows.map(({ method }) => method))].join(", ");
    throw new RocError("USAGE", `only (--only): ${table.name} has no row of ${name}; its methods are ${known}.`);
  }
  return { ...table, rows: table.rows.filter((row) => only.some((name) => isNamed(row, name))) };
}

/** @throws RocError USAGE */
function checkNumbers({ pictures = 50, epochs = 1, seed = 0 }: Omit<ReproductionSpec, "table">): void {
  const wrong = (name: string, value: number, wanted: string): never => {
    throw new RocError("USAGE", `${name} is ${value}; give ${wanted}.`);
  };
  if (!(Number.isSafeInteger(pictures) && pictures >= 50)) wrong("pictures", pictures, "a whole number from 50");
  if (!(epochs > 0 && epochs < Infinity)) wrong("epochs", epochs, "a number above 0");
  if (!(Number.isSafeInteger(seed) && seed >= 0)) wrong("seed", seed, "a whole number from 0");
}

/** The runs of a table, and where they go. */
interface Considered {
  readonly all: readonly ConsideredRun[];
  readonly options: TableRunOptions;
  /** Of the run folders. */
  readonly folder: string;
  readonly isFinished: (run: TableRun) => Promise<boolean>;
}

/** Which runs a table needs, and what each lacks. Rows that nothing makes are noted. */
async function considered(
  table: PublishedTable,
  { studio = false, backbone, base = [], dryRun = false, ...spec }: Omit<ReproductionSpec, "table">,
  note: (text: string) => void,
): Promise<Considered> {
  const { pictures = 400, epochs = 4, seed = 0, work = "runs/reproduce", data = "data" } = spec;
  const { weights = "weights", device } = spec;
  // A dry run says of each run what is not there.
  if (!studio && !dryRun) {
    await requireFolder(spec.data, "data (--data)", "the data sets");
    await requireFolder(spec.weights, "weights (--weights)", "the classifiers' weights");
  }
  const options: TableRunOptions = {
    work: studio ? join(work, "studio") : work,
    data: studio ? undefined : data,
    bases: await basesByFamily([DEMO_MODEL, ...base]),
    ...{ pictures, epochs, seed, weights, device },
  };
  const folder = join(options.work, "runs");
  const { runs } = await evaluationsIn(folder);
  const usable = runs.filter((run) => run.studio === studio);
  const isFinished = (run: TableRun): Promise<boolean> => isMade(run, usable, options);
  // A method has several rows.
  const lacks = new Set<string>();
  const rows = table.rows.filter((row) => {
    const why = whyUnmade(row, studio);
    if (why !== undefined) lacks.add(`${row.method} is left out: it ${why}; its predictions fill the row.`);
    return why === undefined;
  });
  lacks.forEach(note);
  const all: ConsideredRun[] = [];
  for (const run of tableRuns({ ...table, rows }, backbone)) {
    const made = await isFinished(run);
    all.push({ run, made, lack: made ? undefined : await lackOf(run, options) });
  }
  return { all, options, folder, isFinished };
}

/** Those of a folder, which need not be there yet. */
async function evaluationsIn(folder: string): ReturnType<typeof readEvaluations> {
  return (await exists(folder)) ? readEvaluations(folder) : { runs: [], notes: [] };
}

/** Makes what can be made, one run after another. */
async function makeRuns(
  { all, options, folder, isFinished }: Considered,
  { signal, onProgress, resolveModel }: ReproduceOptions,
  note: (text: string) => void,
): Promise<void> {
  await makeFolder(folder);
  // Several runs lack the same data set.
  new Set(all.flatMap(({ lack }) => lack ?? [])).forEach(note);
  await runJobs(
    {
      phases: [all.flatMap(({ run, lack }) => (lack === undefined ? [run] : []))],
      isFinished,
      worker: (stop) => ({
        run: (run, onRun) => makeRun(run, options, { signal: stop, onProgress: onRun, resolveModel }),
        end: () => undefined,
      }),
    },
    { signal, onEvent: onProgress },
  );
}

/** @throws RocError FILE_NOT_FOUND where a folder that a person names is none */
async function requireFolder(folder: string | undefined, option: string, what: string): Promise<void> {
  if (folder === undefined || (await stat(folder).catch(() => undefined))?.isDirectory()) return;
  throw new RocError("FILE_NOT_FOUND", `${option}: there is no folder ${folder}. Name the folder of ${what}.`);
}

/** What is said of a run that cannot be made; undefined: it can. */
async function lackOf(run: TableRun, options: TableRunOptions): Promise<string | undefined> {
  const { backbone: family, method } = run.system;
  const isStudio = options.data === undefined;
  const data = dataFolder(run, options);
  if (!isStudio && !(await exists(data)))
    return `The runs on ${DATASETS[run.dataset]} are left out: ${data} is not there (--data FOLDER; docs/data.md).`;
  if (family) {
    const isThere = !isStudio || options.bases.has(family);
    if (isThere) return undefined;
    return `${run.name} is left out: give a small ${BACKBONES[family]} to start from (--base FOLDER).`;
  }
  const missing = await missingWeights(run, options);
  if (missing.length === 0) return undefined;
  const are = missing.length === 1 ? "is" : "are";
  return `${run.name} is left out: ${method} begins with ${missing.join(" and ")}, which ${are} not there (--weights FOLDER; docs/baselines.md).`;
}

/** One that was made elsewhere is taken as it is; ours has to match what is requested now. */
async function isMade(
  run: TableRun,
  runs: Parameters<typeof findEvaluation>[0],
  options: TableRunOptions,
): Promise<boolean> {
  const found = findEvaluation(runs, run.dataset, run.system, run.attribute);
  if (found && resolve(found.folder) === resolve(evaluationFolder(run, options))) await checkMade(run, options);
  return found !== undefined;
}
