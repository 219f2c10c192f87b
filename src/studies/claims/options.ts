/** How one call of `runExperiment()` works, and what it reports. */
import type { TrainEvent } from "../../train/index.js";
import type { ComposeProgress, JobEvent } from "../runner.js";

/**
 * What happens meanwhile. Jobs are base models and runs; a run is named as "llava/score/roc/seed-1".
 *
 * @category Studies
 */
export type ExperimentEvent = ComposeProgress | JobEvent<TrainEvent> | ResultsWritten;

/**
 * The results are written: the last event.
 *
 * @category Studies
 */
export interface ResultsWritten {
  /** Tells the events apart. */
  readonly type: "results";
  /** Where: `config.out`, or a folder in the work folder where that holds runs that these lack. */
  readonly folder: string;
  /** How many runs `config.out` holds that these results lack. */
  readonly lacking: number;
}

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
