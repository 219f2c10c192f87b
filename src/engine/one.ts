/** One picture's result out of a model that scores many. */
import { RocError } from "../errors.js";
import type { Model, ScoreInput, ScoreOptions, ScoreResult } from "./types.js";

/** {@link Model.scoreOne} for whatever has a `score()`. */
export async function scoreOne(
  model: Pick<Model, "score">,
  input: ScoreInput,
  options?: ScoreOptions,
): Promise<ScoreResult> {
  for await (const result of model.score([input], options)) {
    if (!("error" in result)) return result;
    throw new RocError(result.error.code, result.error.message);
  }
  throw new RocError("INTERNAL", "Scoring one picture gave no result");
}
