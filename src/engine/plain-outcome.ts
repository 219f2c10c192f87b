/** Results as plain data, with exactly the documented keys in the documented order: what the command line and the server write. */
import type { ScoreFailure, ScoreResult } from "./types.js";

/** A result or failure as {@link plainOutcome} has it. */
export type PlainOutcome = ReturnType<typeof plainOutcome>;

/** `{file, score, scale, std, distribution, answer, model}` (with `damaged` behind `file`, `interval`, `attributes`, `attributeIntervals`, `comment` and `answers`, and `scorer`, `dtype` and `quantization` behind `model`, where there are such) or `{file, error: {code, message}}`. */
export function plainOutcome(result: ScoreResult | ScoreFailure) {
  const { file } = result;
  if ("error" in result) {
    const { code, message } = result.error;
    return { file, error: { code, message } };
  }
  const { damaged, score, scale, std, distribution, attributes, comment, answers, answer, model } = result;
  const { scorer, dtype, quantization, interval, attributeIntervals } = result;
  const { min, max } = scale;
  const values = {
    file,
    ...(damaged !== undefined && { damaged }),
    score,
    scale: { min, max },
    std,
    distribution,
    ...(interval && { interval }),
    ...(attributes && { attributes }),
    ...(attributeIntervals && { attributeIntervals }),
  };
  const text = { ...(comment !== undefined && { comment }), ...(answers && { answers }), answer };
  const precision = { ...(dtype && { dtype }), ...(quantization && { quantization }) };
  return { ...values, ...text, model, ...(scorer && { scorer }), ...precision };
}
