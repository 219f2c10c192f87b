/** Training as a function of the library; what it needs is loaded when it is called. */
import type { EndEvent, TrainEvent } from "../events.js";
import type { ModelResolution, TrainingSpec } from "./spec.js";
import type { TorchrunEnvironment } from "./torchrun.js";
import type { OnWarning } from "./warnings.js";

/**
 * How this call trains; nothing here is part of what the run is.
 *
 * @category Training
 */
export interface TrainingOptions extends ModelResolution {
  /** Stops the run after the step that is being computed, with a state that the same call resumes. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called for every event of the run, in order; an error that it throws ends the run. Under torchrun rank 0 reports the
   * run, and other processes report only notes on themselves, which have a `rank`.
   */
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
  /** Called before the run for what a person should know: labels that look wrong, or that nothing is trained on. */
  readonly onWarning?: OnWarning | undefined;
  /** Throw away what an earlier run left in the run folder. Default false: resume it. */
  readonly fresh?: boolean | undefined;
  /** Resume with pictures and labels as they are now. Default false: an error where they have changed. */
  readonly acceptChangedData?: boolean | undefined;
  /** Take fewer steps where they would need more minutes than this, from 0.1. Default: take all. */
  readonly minutes?: number | undefined;
  /**
   * Threads of the tensor library during the call, from 1. Default: `OMP_NUM_THREADS`, else by the model's size and the
   * cores. A resumed run keeps those that it was started with.
   */
  readonly threads?: number | undefined;
  /** The variables by which torchrun gives a process its rank. Default `process.env`. */
  readonly env?: TorchrunEnvironment | undefined;
}

/**
 * What a run came to.
 *
 * @category Training
 */
export interface TrainingResult extends Omit<EndEvent, "type"> {
  /** Folder of the checkpoint to use: the best state, or the last one where no validation chose one. */
  readonly checkpoint: string;
}

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
