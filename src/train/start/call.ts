/** How one call of `trainModel()` or `planTraining()` works, and what training comes to. */
import type { EndEvent, TrainEvent } from "../events.js";
import type { ModelFolders, ModelResolution } from "./spec.js";
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
 * How a run is planned.
 *
 * @category Training
 */
export interface PlanOptions extends ModelResolution<ModelFolders | undefined> {
  /** Processes that would train together under torchrun, from 1. Default 1. */
  readonly processes?: number | undefined;
  /** Called for what a person should know before the run. */
  readonly onWarning?: OnWarning | undefined;
  /**
   * Where the data set is not there, count the pictures of its official files, if it has such. Default false: an error.
   */
  readonly forecast?: boolean | undefined;
}
