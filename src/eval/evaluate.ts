/** `evaluate()`: what `roc4mllm eval` does, as a function. The work behind it is loaded when it is called. */
import { join } from "node:path";
import { exists } from "../files/index.js";
import { REPORT_FILE } from "./folder.js";
import type { EvaluateOptions, EvaluationResult, EvaluationSpec } from "./spec.js";

/**
 * Evaluates a model, another system's predictions or an ONNX model on a data set: SRCC, PLCC, KRCC, MAE and RMSE with
 * bootstrap intervals, attributes, distributions, calibration and comments, as far as the data set has them.
 *
 * A model's predictions are kept as they come (`predictions.partial.jsonl`): after a kill or an abort the same call goes
 * on with the pictures that are left. What other settings (checkpoint, data set, pictures, dtype, ...) have left or
 * finished in the folder is neither resumed nor replaced. A picture that has no score is counted, and does not end it.
 *
 * @example
 * ```ts
 * import { evaluate } from "roc4mllm";
 *
 * const { summary, predictions } = await evaluate(
 *   { data: "TAD66K/", model: "my-checkpoint/", out: "runs/tad", resamples: 100 },
 *   { onProgress: (progress) => progress.type === "note" && console.error(progress.text) },
 * );
 * console.error(summary.overall.srcc?.value, summary.failures);
 * console.log(summary.count === predictions.length); // true
 * ```
 *
 * @category Evaluation
 * @throws RocError USAGE for a field that is not as documented, and naming what differs where the folder is of other
 *   settings; FILE_NOT_FOUND, FILE_UNREADABLE, FILE_UNWRITABLE; DATA_INVALID where the data set or the predictions are not
 *   as they should be; IN_USE where another process evaluates into the folder; ABORTED; what `load()` throws
 */
export async function evaluate(spec: EvaluationSpec, options: EvaluateOptions = {}): Promise<EvaluationResult> {
  const { evaluateInto } = await import("./evaluate-into.js");
  const result = await evaluateInto(spec, options);
  const page = join(result.folder, REPORT_FILE);
  // A page that is there would be of an earlier evaluation.
  if (spec.report || (await exists(page))) {
    const { writeReport } = await import("../report/write-report.js");
    await writeReport(result.folder, { signal: options.signal });
  }
  return result;
}
