/** `compareRuns()`: what `roc4mllm compare` does, as a function. */
import { isDeepStrictEqual } from "node:util";
import type { Settings } from "../files/index.js";
import type { Versus } from "./comparison.js";
import type { RunSummary } from "./summary-file.js";

/**
 * How {@link compareRuns} compares.
 *
 * @category Evaluation
 */
export interface CompareRunsOptions {
  /** An attribute's name. Default: the overall score. */
  readonly score?: string | undefined;
  /** Resamples of the bootstrap, from 1. Default 2000. */
  readonly resamples?: number | undefined;
  /** Seed of the bootstrap: a whole number from 0. Default 0. */
  readonly seed?: number | undefined;
}

/**
 * Figures of `a` less those of `b`: above 0 is better for SRCC, PLCC and KRCC, below 0 for MAE and RMSE.
 *
 * @category Evaluation
 */
export interface RunComparison extends Versus {
  /** What the two should have alike and have not, as `split "test" and "all"`; none where both are of the same data. */
  readonly mismatches: readonly string[];
}

/**
 * Compares two evaluations of the same pictures by a paired bootstrap: both get the same resamples, and p is two-sided.
 *
 * @example
 * ```ts
 * import { compareRuns, evaluate } from "roc4mllm";
 *
 * for (const dtype of ["float32", "bfloat16"] as const) {
 *   await evaluate({ data: "TAD66K/", model: "my-checkpoint/", load: { dtype }, out: `runs/${dtype}`, resamples: 100 });
 * }
 * const { count, differences, mismatches } = await compareRuns("runs/float32", "runs/bfloat16");
 * console.error(count, differences.srcc?.value, differences.srcc?.p);
 * console.log(mismatches.length); // 0
 * ```
 *
 * @category Evaluation
 * @param a folder that {@link evaluate} wrote
 * @param b another one
 * @throws RocError USAGE; FILE_NOT_FOUND, FILE_UNREADABLE; DATA_INVALID where a table is of another evaluation than its
 *   summary, where the two share no picture, or where they disagree on its rating
 */
export async function compareRuns(a: string, b: string, options: CompareRunsOptions = {}): Promise<RunComparison> {
  const [{ versus }, { readEvaluation }, { bootstrapFields, checkFields }, { z }] = await Promise.all([
    import("./comparison.js"),
    import("./evaluation.js"),
    import("./check-spec.js"),
    import("zod"),
  ]);
  checkFields("compareRuns()", z.strictObject({ score: z.string().optional(), ...bootstrapFields }), options);
  const { score, resamples = 2000, seed = 0 } = options;
  const [first, second] = [await readEvaluation(a), await readEvaluation(b)];
  const mismatches = first.summary && second.summary ? mismatchesOf(first.summary, second.summary) : [];
  return { ...versus(first.predictions, second.predictions, { resamples, seed }, score), mismatches };
}

/** What two evaluations should have alike, where their summaries say it. */
function mismatchesOf(a: RunSummary, b: RunSummary): string[] {
  const of = ({ provenance: { data, split, limit, labels }, scale }: RunSummary): Settings => {
    return { data, scale, split, limit: limit ?? null, labels };
  };
  const [first, second] = [of(a), of(b)];
  const names = Object.keys(first).filter((name) => !isDeepStrictEqual(first[name], second[name]));
  return names.map((name) => `${name} ${JSON.stringify(first[name])} and ${JSON.stringify(second[name])}`);
}
