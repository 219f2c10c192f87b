/** How one call of `runExperiment()` works, and what it reports. */
import type { TrainEvent } from "../../train/index.js";
import type { ComposeProgress, JobEvent } from "../runner.js";

/**
 * What happens meanwhile. Jobs are base models and runs; a run is named as "llava/score/roc/seed-1".
 *
 * @category Studies
 */
export type ExperimentEvent = ComposeProgress | JobEvent<TrainEvent>;

/**
 * How {@link runExperiment} runs.
 *
 * @category Studies
 */
export interface ExperimentOptions {
  /** Only the runs whose name it is found in, and the base models that they need. Default: all. */
  readonly only?: RegExp | undefined;
  /**
   * A folder of earlier results of this experiment (`claims.json`, `predictions.json`): the runs that they hold count as finished,
   * where the base models come out as theirs did. For a work folder that is gone.
   */
  readonly from?: string | undefined;
  /** Stops it; everything so far is saved. */
  readonly signal?: AbortSignal | undefined;
  /** Called as pictures are composed and jobs are done. */
  readonly onProgress?: ((event: ExperimentEvent) => void) | undefined;
}
