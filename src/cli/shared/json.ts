/** JSON Lines: one object per line, with exactly the documented keys in the documented order. */
import { ERROR_CODES, type RocError } from "../../errors.js";
import type { ScoreFailure, ScoreResult } from "../../engine/index.js";

/** Whether an image could not be scored. */
export function isFailure(result: ScoreResult | ScoreFailure): result is ScoreFailure {
  return "error" in result;
}

/** The exit code of a command some of whose pictures have no score, by the codes of their errors. */
export function failureExitCode(codes: readonly string[]): number {
  return codes.includes("SCORE_NOT_FINITE") ? ERROR_CODES.SCORE_NOT_FINITE : ERROR_CODES.FILE_UNREADABLE;
}

/** `{file, score, scale, std, distribution, answer, model}` (with `damaged` behind `file`, `attributes`, `comment` and `answers`, and `scorer`, `dtype` and `quantization` behind `model`, where there are such) or `{file, error: {code, message}}`, with a line end. */
export function resultLine(result: ScoreResult | ScoreFailure): string {
  const { file } = result;
  if (isFailure(result)) {
    const { code, message } = result.error;
    return `${JSON.stringify({ file, error: { code, message } })}\n`;
  }
  const { damaged, score, scale, std, distribution, attributes, comment, answers, answer, model } = result;
  const { scorer, dtype, quantization } = result;
  const { min, max } = scale;
  const values = {
    file,
    ...(damaged !== undefined && { damaged }),
    score,
    scale: { min, max },
    std,
    distribution,
    ...(attributes && { attributes }),
  };
  const text = { ...(comment !== undefined && { comment }), ...(answers && { answers }), answer };
  const precision = { ...(dtype && { dtype }), ...(quantization && { quantization }) };
  return `${JSON.stringify({ ...values, ...text, model, ...(scorer && { scorer }), ...precision })}\n`;
}

/** The error that ended the program. */
export function errorLine({ code, message }: RocError): string {
  return `${JSON.stringify({ error: { code, message } })}\n`;
}
