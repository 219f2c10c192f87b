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
import { basesByFamily, evaluationFolder, tableRuns, type TableRun, type TableRunOptions } from "./table-runs.js";
import { BACKBONES, type PublishedTable } from "./types.js";

/** See `reproduce()`. */
export async function reproduceTable(
  table: PublishedTable,
  spec: Omit<ReproductionSpec, "table">,
  options: ReproduceOptions,
): Promise<Reproduction> {
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
  const options: TableRunOptions = {
    work: studio ? join(work, "studio") : work,
    data: studio ? undefined : data,
    bases: await basesByFamily([DEMO_MODEL, ...base]),
    ...{ pictures, epochs, seed },
  };
  const folder = join(options.work, "runs");
  await makeFolder(folder);
  const { runs } = await readEvaluations(folder);
  const usable = runs.filter((run) => run.studio === studio);
  const isFinished = (run: TableRun): Promise<boolean> => isMade(run, usable, options);
  const makeable: TableRun[] = [];
  for (const run of tableRuns(table, backbone)) {
    const { backbone: family } = run.system;
    if (!studio || options.bases.has(family) || (await isFinished(run))) makeable.push(run);
    else note(`${run.name} is left out: give a small ${BACKBONES[family]} to start from (--base FOLDER).`);
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

/** One that was made elsewhere is taken as it is; ours has to match what is requested now. */
async function isMade(
  run: TableRun,
  runs: Parameters<typeof findEvaluation>[0],
  options: TableRunOptions,
): Promise<boolean> {
  const found = findEvaluation(runs, run.dataset, run.system);
  if (found && resolve(found.folder) === resolve(evaluationFolder(run, options))) await checkMade(run, options);
  return found !== undefined;
}
