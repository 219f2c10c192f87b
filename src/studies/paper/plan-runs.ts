/** The runs of a table before they are made: what each comes to, and what it lacks. Writes and downloads nothing. */
import { isRocError } from "../../errors.js";
import { planTraining } from "../../train/start/plan-training.js";
import type { TrainingPlan } from "../../train/index.js";
import type { PlannedRun, ReproduceOptions } from "./spec.js";
import { trainingSpec, type TableRun, type TableRunOptions } from "./table-runs.js";

/** A run, and what stands in its way. */
export interface ConsideredRun {
  readonly run: TableRun;
  /** Whether its evaluation is there. */
  readonly made: boolean;
  /** Why it is left out; undefined: it is made. */
  readonly lack: string | undefined;
}

export async function planRuns(
  runs: readonly ConsideredRun[],
  options: TableRunOptions,
  how: Pick<ReproduceOptions, "modelAtHand">,
): Promise<PlannedRun[]> {
  const planned: PlannedRun[] = [];
  for (const one of runs) planned.push(await planRun(one, options, how));
  return planned;
}

/** Of data sets that are not there the official numbers of pictures count; a synthetic copy is known when it is written. */
async function planRun(
  { run, made, lack }: ConsideredRun,
  options: TableRunOptions,
  { modelAtHand }: Pick<ReproduceOptions, "modelAtHand">,
): Promise<PlannedRun> {
  const notes: string[] = [];
  const plan = await planTraining(await trainingSpec(run, options), {
    forecast: options.data !== undefined,
    onWarning: (text) => notes.push(text),
    resolveModel: modelAtHand,
  }).catch((error: unknown) => whyUnplanned(error, options));
  const isRefused = typeof plan === "string";
  const { steps = null, train = null, parameters, memory }: Partial<TrainingPlan> = isRefused || !plan ? {} : plan;
  const problems = isRefused && plan !== lack ? [plan] : [];
  return {
    name: run.name,
    state: made ? "made" : lack === undefined && !isRefused ? "to make" : "left out",
    ...{ pictures: train, steps, parameters: parameters?.trained ?? null, memory: memory?.total ?? null },
    notes: [...(lack === undefined ? [] : [lack]), ...problems, ...notes],
  };
}

/** What is wrong with a run that cannot be planned; undefined: its synthetic copy is only not written yet. */
function whyUnplanned(error: unknown, { data }: TableRunOptions): string | undefined {
  if (!isRocError(error)) throw error;
  return data === undefined && error.code === "FILE_NOT_FOUND" ? undefined : error.message;
}
