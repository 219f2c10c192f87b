/** Checks a spec and reads its data before libtorch is loaded; then trains, as one of torchrun's processes or in a single one. */
import { RocError } from "../../errors.js";
import type { ProcessGroup } from "../../torch/index.js";
import { checkSpec, datasetOf, type CheckedSpec, type TrainingSpec } from "./spec.js";
import { underTorchrun } from "./torchrun.js";
import type { TrainingOptions, TrainingResult } from "./call.js";
import { datasetWarnings } from "./warnings.js";

/** See `trainModel()`. */
export async function trainBySpec(spec: TrainingSpec, options: TrainingOptions): Promise<TrainingResult> {
  const checked = checkSpec(spec);
  checkOptions(options);
  const { env = process.env, threads } = options;
  const run = (): Promise<TrainingResult> => underTorchrun(env, (group) => trainProcess(checked, options, group));
  if (threads === undefined) return run();
  const { whileNumThreads } = await import("../../torch/index.js");
  return whileNumThreads(threads, run);
}

/** @throws RocError USAGE */
function checkOptions({ minutes, threads }: TrainingOptions): void {
  if (minutes !== undefined && !(minutes >= 0.1 && minutes < Infinity))
    throw new RocError("USAGE", `minutes is ${minutes}; give a number from 0.1.`);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1))
    throw new RocError("USAGE", `threads is ${threads}; give a whole number from 1.`);
}

async function trainProcess(
  spec: CheckedSpec,
  options: TrainingOptions,
  group?: ProcessGroup,
): Promise<TrainingResult> {
  // Other processes see the same.
  const onWarning = (group?.rank ?? 0) === 0 ? options.onWarning : undefined;
  const dataset = await datasetOf(spec);
  if (onWarning) await datasetWarnings(dataset, spec.dataset ? undefined : spec.data.folder, onWarning);
  const { trainOn } = await import("./train-on.js");
  return trainOn(dataset, spec, { ...options, onWarning }, group);
}
