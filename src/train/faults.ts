/** Why a run cannot go on, and what is left of it. */
import { isRocError, messageOf, RocError } from "../errors.js";

/** libtorch's CPU allocator throws a plain error; the GPU's has a class of its own. */
const NO_MEMORY = /out of memory|can't allocate memory|not enough memory|bad_alloc/i;

export function isOutOfMemory(error: unknown): boolean {
  return (isRocError(error) && error.code === "OUT_OF_MEMORY") || NO_MEMORY.test(messageOf(error));
}

/**
 * An error of a step as one that says which step, what to do, and which state is whole. Others stay as they are.
 * @param state folder of the last state; "" where there is none yet
 */
export function stepError(error: unknown, step: number, state: string): unknown {
  const kept = state === "" ? "No state was written yet." : `The last good state is ${state}.`;
  if (isOutOfMemory(error)) {
    const remedy =
      "Go on with recomputed activations (--recompute), or start a run with smaller batches and more accumulation, or " +
      "with bfloat16 weights.";
    const [reason = ""] = messageOf(error).split("\n");
    return new RocError("OUT_OF_MEMORY", `Step ${step}: out of memory. ${kept} ${remedy} (${reason})`, {
      cause: error,
    });
  }
  if (!isRocError(error) || error.code !== "TRAINING" || error.cause !== undefined) return error;
  return new RocError("TRAINING", `Step ${step}: ${messageOf(error)} ${kept}`, { cause: error });
}
