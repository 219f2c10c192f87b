/** The plan of a training as a function of the library; what it needs is loaded when it is called. */
import type { TrainingPlan } from "./plan.js";
import { requireSpec } from "../../errors.js";
import type { PlanOptions } from "./call.js";
import type { TrainingSpec } from "./spec.js";

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
  requireSpec(spec, "planTraining()");
  const { planBySpec } = await import("./plan-by-spec.js");
  return planBySpec(spec, options);
}
