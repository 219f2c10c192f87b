/** `compare()`: which of a few pictures is the best, by what a model says of each. */
import { RocError } from "../errors.js";
import { bestOf, type BestOf } from "../metrics/best-of.js";
import { plainOutcome } from "./plain-outcome.js";
import type { Model, ScoreInput, ScoreOptions, ScoreResult } from "./types.js";

/** Pictures that are compared at a time. */
export const [FEWEST_COMPARED, MOST_COMPARED] = [2, 8] as const;

/**
 * What {@link compare} gives: indices are those of the pictures that were given.
 *
 * @category Scoring
 */
export interface PictureComparison extends BestOf {
  /** The scores that it was made of, in the order of the pictures. */
  readonly results: readonly ScoreResult[];
}

/**
 * Compares two to eight pictures: their order, and how likely each is to be the best, the worst, and preferred to each other one.
 * Chances are those of {@link bestOf}, of the distributions that the model predicts for each picture by itself.
 *
 * @param model what {@link load} or {@link createModel} gave, in a worker or on this thread
 * @param options as of {@link Model.score}
 * @throws RocError USAGE for fewer or more pictures; with the code of the {@link ScoreFailure} where a picture cannot be scored;
 *   ABORTED
 *
 * @example
 * ```ts
 * import { compare, DEMO_MODEL, load } from "roc4mllm";
 *
 * using model = await load(DEMO_MODEL);
 * const { order, best, wins, results } = await compare(model, ["a.jpg", "b.jpg"]);
 * for (const index of order) console.error(results[index]?.file, best[index]);
 * console.log(Math.round(100 * ((wins[0]?.[1] ?? 0) + (wins[1]?.[0] ?? 0)))); // 100
 * ```
 *
 * @category Scoring
 */
export async function compare(
  model: Pick<Model, "score">,
  pictures: readonly ScoreInput[],
  options: ScoreOptions = {},
): Promise<PictureComparison> {
  checkCompared(pictures.length);
  const results: ScoreResult[] = [];
  for await (const outcome of model.score(pictures, options)) {
    if ("error" in outcome) throw new RocError(outcome.error.code, outcome.error.message);
    results.push(outcome);
  }
  return comparisonOf(results);
}

/** The comparison of pictures that were scored. */
export function comparisonOf(results: readonly ScoreResult[]): PictureComparison {
  return { ...bestOf(results), results };
}

/** @throws RocError USAGE for too few or too many pictures */
export function checkCompared(count: number): void {
  if (Number.isInteger(count) && count >= FEWEST_COMPARED && count <= MOST_COMPARED) return;
  const what = `${count} picture${count === 1 ? "" : "s"}`;
  throw new RocError("USAGE", `${what}: give ${FEWEST_COMPARED} to ${MOST_COMPARED} to compare.`);
}

/** A comparison as plain data, with its keys in the documented order: what the command line and the server write. */
export function plainComparison({ order, best, worst, wins, by, results }: PictureComparison) {
  return { order, best, worst, wins, by, results: results.map((result) => plainOutcome(result)) };
}
