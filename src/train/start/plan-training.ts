/** The plan of a training as a function of the library; what it needs is loaded when it is called. */
import type { TrainingPlan } from "./plan.js";
import type { ModelFolders, ModelResolution, TrainingSpec } from "./spec.js";
import type { OnWarning } from "./warnings.js";

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

/**
 * Plans the run that `trainModel()` would make of a spec: steps, tokens, parameters and memory, with its checks of values
 * and labels. A checkpoint that is not here is omitted, with a warning. Writes nothing; loads the weights on the CPU.
 *
 * @throws RocError CONFIG_INVALID, DATA_INVALID, FILE_NOT_FOUND, USAGE as `trainModel()`
 *
 * @example
 * ```ts
 * import { DEMO_MODEL, planTraining } from "roc4mllm";
 *
 * const spec = { model: DEMO_MODEL, data: "AVA/", train: { steps: 100, batchSize: 8 }, out: "runs/mine" };
 * const { steps, memory } = await planTraining(spec, { onWarning: (text) => console.error(text) });
 * console.error(memory?.total);
 * console.log(steps); // 100
 * ```
 *
 * @category Training
 */
export async function planTraining(spec: TrainingSpec, options: PlanOptions = {}): Promise<TrainingPlan> {
  const { planBySpec } = await import("./plan-by-spec.js");
  return planBySpec(spec, options);
}
