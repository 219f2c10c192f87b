/** `createBaseline()`: a classical system with fresh weights, as a folder. The work behind it is loaded when it is called. */
import type { ScoreScale } from "../../data/index.js";
import { requireSpec } from "../../errors.js";

/**
 * What a new classical system is to be; names and meanings are those of {@link TrainingSpec}, where training makes one itself.
 *
 * @category Checkpoints and models
 */
export interface NewBaselineSpec {
  /** By its name: "nima", "musiq", ... (docs/baselines.md). */
  readonly system: string;
  /** Folder that it is written into; empty, or made. */
  readonly out: string;
  /** Which of its networks. Default: its usual one. */
  readonly variant?: string | undefined;
  /** Of the score, and of attributes. Default 1 to 10. */
  readonly scale?: ScoreScale | undefined;
  /** Scores that it predicts the distribution over, from 2; 0: one number is predicted. Default 0. */
  readonly bins?: number | undefined;
  /** Names of attributes to predict beside the score. Default: none. */
  readonly attributes?: readonly string[] | undefined;
  /** Of the fresh weights, a whole number from 0. Default 0. */
  readonly seed?: number | undefined;
  /** Files of a classifier's weights to begin with, each of another part of the network. Default: fresh ones. */
  readonly pretrained?: string | readonly string[] | undefined;
  /** A few thousand weights, to try things with. Default false. */
  readonly tiny?: boolean | undefined;
}

/**
 * What {@link createBaseline} wrote.
 *
 * @category Checkpoints and models
 */
export interface NewBaseline {
  /** For `load()`, and as `model` of `trainModel()`. */
  readonly folder: string;
  /** Its name. */
  readonly system: string;
  /** Numbers in its weights. */
  readonly parameters: number;
  /** What it predicts, the overall score first. */
  readonly outputs: readonly NewBaselineOutput[];
}

/**
 * A score that a new system gives.
 *
 * @category Checkpoints and models
 */
export interface NewBaselineOutput {
  /** "score", or the attribute's. */
  readonly name: string;
  /** Of what it gives. */
  readonly scale: ScoreScale;
  /** Over how many scores its distribution is; null: one number. */
  readonly values: number | null;
}

/**
 * Makes a classical system with fresh weights, which knows nothing yet: to look at one, or to train one from a given start.
 * `trainModel()` makes one itself where `model` is a system's name.
 *
 * @throws RocError USAGE for a system that is not known or cannot be so, or a folder that is not empty; FILE_NOT_FOUND,
 *   CHECKPOINT_MISMATCH of `pretrained`; FILE_UNWRITABLE
 *
 * @example
 * ```ts
 * import { createBaseline, load } from "roc4mllm";
 *
 * const { folder } = await createBaseline({ system: "nima", bins: 10, tiny: true, out: "nima-new" });
 * const model = await load(folder);
 * console.log(model.scale); // { min: 1, max: 10 }
 * model.dispose();
 * ```
 *
 * @category Checkpoints and models
 */
export async function createBaseline(spec: NewBaselineSpec): Promise<NewBaseline> {
  requireSpec(spec, "createBaseline()");
  const { writeNewBaseline } = await import("./write-baseline.js");
  return writeNewBaseline(spec);
}
