/** JSON Lines: one object per line, with exactly the documented keys in the documented order. */
import { ERROR_CODES, type RocError } from "../../errors.js";
import type { ScoreFailure, ScoreResult } from "../../engine/index.js";
import { plainOutcome } from "../../engine/plain-outcome.js";

/** Whether an image could not be scored. */
export function isFailure(result: ScoreResult | ScoreFailure): result is ScoreFailure {
  return "error" in result;
}

/** The exit code of a command some of whose pictures have no score, by the codes of their errors. */
export function failureExitCode(codes: readonly string[]): number {
  return codes.includes("SCORE_NOT_FINITE") ? ERROR_CODES.SCORE_NOT_FINITE : ERROR_CODES.FILE_UNREADABLE;
}

/** An outcome as `plainOutcome` has it, with what a taste says, its `percentile` and the files of its map last where it has them, and a line end. */
export function resultLine(
  result:
    | (ScoreResult & { readonly percentile?: number; readonly explained?: object; readonly taste?: object })
    | ScoreFailure,
): string {
  const { percentile, explained, taste } = isFailure(result) ? {} : result;
  const more = {
    ...(taste && { taste }),
    ...(percentile !== undefined && { percentile }),
    ...(explained && { explained }),
  };
  return `${JSON.stringify({ ...plainOutcome(result), ...more })}
`;
}

/** The error that ended the program. */
export function errorLine({ code, message }: RocError): string {
  return `${JSON.stringify({ error: { code, message } })}\n`;
}
