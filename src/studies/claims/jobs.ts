/** The jobs of an experiment: base models, then the runs that start from them. */
import { RocError } from "../../errors.js";
import { baseRecord, pretrain, type JobOptions } from "./pretrain.js";
import { fineTune, runRecord } from "./fine-tune.js";
import { runsOf, type Run } from "./runs.js";
import type { ExperimentConfig } from "./config.js";
import type { ExperimentData } from "./pictures.js";

export type ExperimentJob =
  | { readonly kind: "base"; readonly name: string; readonly backbone: string }
  | { readonly kind: "run"; readonly name: string; readonly run: Run };

/**
 * The runs whose names `only` is found in, with the base models that they need before them: two phases.
 *
 * @param kept names of runs that are not run again: they need no base model
 * @throws RocError USAGE where there are none
 */
export function experimentJobs(
  config: ExperimentConfig,
  only?: RegExp,
  kept?: Pick<ReadonlyMap<string, unknown>, "has">,
): [ExperimentJob[], ExperimentJob[]] {
  const runs = chosenRuns(config, only);
  const open = runs.filter(({ name }) => !kept?.has(name));
  const bases = [...new Set(open.map(({ backbone }) => backbone))];
  return [
    bases.map((backbone) => ({ kind: "base", name: `${backbone}/base`, backbone })),
    runs.map((run) => ({ kind: "run", name: run.name, run })),
  ];
}

/** The runs whose names `only` is found in; without it all. @throws RocError USAGE where there are none */
export function chosenRuns(config: ExperimentConfig, only?: RegExp): Run[] {
  const all = runsOf(config);
  const runs = all.filter(({ name }) => only === undefined || name.search(only) >= 0);
  if (runs.length > 0) return runs;
  throw new RocError("USAGE", `--only matches no run; their names are as ${all[0]?.name ?? "none"}. See --dry-run.`);
}

export async function isJobFinished(config: ExperimentConfig, job: ExperimentJob): Promise<boolean> {
  const record = job.kind === "base" ? await baseRecord(config, job.backbone) : await runRecord(config, job.run);
  return record !== undefined;
}

/** Does a job in this process. */
export async function runJob(
  config: ExperimentConfig,
  job: ExperimentJob,
  data: ExperimentData,
  options: JobOptions,
): Promise<void> {
  if (job.kind === "base") await pretrain(config, job.backbone, data, options);
  else await fineTune(config, job.run, data, options);
}
