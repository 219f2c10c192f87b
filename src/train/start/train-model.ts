/** Training as a function of the library; what it needs is loaded when it is called. */
import { requireSpec } from "../../errors.js";
import type { TrainingOptions, TrainingResult } from "./call.js";
import type { TrainingSpec } from "./spec.js";

/**
 * Trains a checkpoint to score pictures, in a run folder that resumes: stopped anywhere, even killed, the same call resumes
 * from the last state and ends with the same weights. Where the checkpoint, the pictures, their labels or other settings
 * are not those that the run was started with, it is refused.
 *
 * Under torchrun every process makes the same call; each trains on `batchSize` pictures of every batch.
 *
 * @throws RocError ABORTED on the signal, with a state that resumes; CONFIG_INVALID for a value out of range, naming its
 *   key; DATA_INVALID or FILE_NOT_FOUND where data or checkpoint are missing or wrong; USAGE where the run folder holds a run
 *   of other settings or data, or the device is not here; IN_USE where another process trains there; FILE_UNWRITABLE;
 *   TRAINING where a loss is not finite or a state cannot be written; OUT_OF_MEMORY; IMAGE_... or FILE_... for a picture
 *   that cannot be used (`train.skipBroken` leaves it out)
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, trainModel } from "roc4mllm";
 *
 * const { checkpoint, reason } = await trainModel(
 *   {
 *     model: DEMO_MODEL,
 *     data: { folder: "TAD66K/", validation: 0.2 },
 *     train: { steps: 2, batchSize: 4, learningRate: 1e-4 },
 *     out: "runs/mine",
 *   },
 *   { onEvent: (event) => event.type === "validation" && console.error(event.step, event.srcc) },
 * );
 * console.error(checkpoint);
 * console.log(reason); // steps
 * ```
 *
 * @category Training
 */
export async function trainModel(spec: TrainingSpec, options: TrainingOptions = {}): Promise<TrainingResult> {
  requireSpec(spec, "trainModel()");
  const { trainBySpec } = await import("./train-by-spec.js");
  return trainBySpec(spec, options);
}

/**
 * Reads a configuration file (YAML or JSON; docs/config.md has its keys): a spec for `trainModel()` and `planTraining()`.
 *
 * @param file paths in it are relative to the current folder, those of `extends` to the file's
 * @param settings `key.path=value` pairs, values as YAML writes them; they override the file
 * @returns every key, with its default where neither the file nor `settings` have it
 * @throws RocError FILE_NOT_FOUND; CONFIG_INVALID naming the file and the key; USAGE for a setting without "=", or where
 *   `file` is a data set
 *
 * @example
 * ```ts
 * import { readTrainingConfig } from "roc4mllm";
 *
 * const spec = await readTrainingConfig("configs/table2/tad66k-roc-mplug-owl2.yaml", ["train.batchSize=4"]);
 * console.log(spec.train.batchSize, spec.strategy); // 4 roc
 * ```
 *
 * @category Training
 */
export async function readTrainingConfig(file: string, settings: readonly string[] = []): Promise<TrainingSpec> {
  const { readConfig } = await import("./config.js");
  return readConfig(file, settings);
}
