/** The work of `reproduce()`: finds the runs of a table, makes those that are missing, and puts all into it. */
import { join, resolve } from "node:path";
import { DEMO_MODEL } from "../../engine/demo.js";
import { RocError } from "../../errors.js";
import { makeFolder } from "../../files/index.js";
import { runJobs } from "../runner.js";
import { findEvaluation, otherDataNote, readEvaluations, usualEvaluations } from "./evaluations.js";
import { compareTable } from "./filled-table.js";
import { checkMade, makeRun } from "./make-run.js";
import type { ReproduceOptions, Reproduction, ReproductionSpec } from "./spec.js";
import {
  basesByFamily,
  evaluationFolder,
  missingWeights,
  tableRuns,
  whyUnmade,
  type TableRun,
  type TableRunOptions,
} from "./table-runs.js";
import { BACKBONES, type PublishedTable, type TableRow } from "./types.js";

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
  const folder = run ? await makeRuns(table, { ...spec, backbone }, options, note) : undefined;
  const found = folder === undefined ? await usualEvaluations(spec.runs) : await readEvaluations(folder);
  [...found.notes, ...otherDataNote(found.runs, studio)].forEach(note);
  return { table: compareTable(table, found.runs, { studio, ...(backbone && { backbone }) }), notes };
}

/** The rows of the named methods. @throws RocError USAGE for a name that no row has */
function rowsOf(table: PublishedTable, only: readonly string[] | undefined): PublishedTable {
  if (only === undefined) return table;
  const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");
  const isNamed = ({ method, label, system }: TableRow, name: string): boolean =>
    [method, label, system ?? method].some((one) => plain(one) === plain(name));
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

/** Makes what the table lacks, one run after another. @returns the folder of the run folders */
async function makeRuns(
  table: PublishedTable,
  { studio = false, backbone, base = [], ...spec }: Omit<ReproductionSpec, "table">,
  { signal, onProgress, resolveModel }: ReproduceOptions,
  note: (text: string) => void,
): Promise<string> {
  const { pictures = 400, epochs = 4, seed = 0, work = "runs/reproduce", data = "data" } = spec;
  const { weights = "weights", device } = spec;
  const options: TableRunOptions = {
    work: studio ? join(work, "studio") : work,
    data: studio ? undefined : data,
    bases: await basesByFamily([DEMO_MODEL, ...base]),
    ...{ pictures, epochs, seed, weights, device },
  };
  const folder = join(options.work, "runs");
  await makeFolder(folder);
  const { runs } = await readEvaluations(folder);
  const usable = runs.filter((run) => run.studio === studio);
  const isFinished = (run: TableRun): Promise<boolean> => isMade(run, usable, options);
  const makeable: TableRun[] = [];
  for (const run of tableRuns(table, backbone)) {
    const lack = (await isFinished(run)) ? undefined : await lackOf(run, options);
    if (lack === undefined) makeable.push(run);
    else note(`${run.name} is left out: ${lack}.`);
  }
  for (const row of table.rows.filter(({ method }, i, rows) => rows.findIndex((one) => one.method === method) === i)) {
    const why = whyUnmade(row);
    if (why !== undefined) note(`${row.method} is left out: it ${why}; its predictions fill the row.`);
  }
  await runJobs(
    {
      phases: [makeable],
      isFinished,
      worker: (stop) => ({
        run: (run, onRun) => makeRun(run, options, { signal: stop, onProgress: onRun, resolveModel }),
        end: () => undefined,
      }),
    },
    { signal, onEvent: onProgress },
  );
  return folder;
}

/** Why a run cannot be made; undefined: it can. */
async function lackOf(run: TableRun, options: TableRunOptions): Promise<string | undefined> {
  const { backbone: family, start, method } = run.system;
  const isStudio = options.data === undefined;
  if (start && isStudio) return `it begins with published weights, of which the studio has no small ones`;
  if (family) {
    const isThere = !isStudio || options.bases.has(family);
    return isThere ? undefined : `give a small ${BACKBONES[family]} to start from (--base FOLDER)`;
  }
  const missing = await missingWeights(run, options);
  return missing && `${method} begins with ${missing}, which is not there (--weights FOLDER; docs/baselines.md)`;
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
