/** Why a run cannot continue, and what is left of it. */
import { isOutOfMemory, isRocError, messageOf, RocError } from "../../errors.js";
import { findNonFinite, nonFiniteText } from "../../torch/index.js";
import { buffersOf, type Learner } from "../learner.js";
import { notFinite } from "../optim/clip.js";

/** Where a run is when it fails. */
export interface Failure {
  /** "Step 4", or "The validation after step 4". */
  readonly at: string;
  /** Folder of the last state; "" where there is none yet. */
  readonly state: string;
  /** Whether the error is a picture's. */
  readonly picture: boolean;
}

/**
 * Looks through all weights before the first step: NaN among them makes every loss NaN, whatever the learning rate.
 *
 * @param state folder of the state that they come from; undefined where the run starts from its base
 * @throws RocError CHECKPOINT_INVALID naming the tensor with NaN or infinite values
 */
export function checkStart(model: Learner, state: string | undefined): void {
  const found = findNonFinite(new Map([...model.parameters(), ...buffersOf(model)]));
  if (!found) return;
  const whose = state === undefined ? "The weights that the run starts from" : `The weights of ${state}`;
  const remedy =
    state === undefined
      ? "Fetch that checkpoint again, or train it again."
      : `Restore them, delete ${state} to resume from an older state, or start again with --fresh.`;
  throw new RocError("CHECKPOINT_INVALID", `${whose} are not all finite: ${nonFiniteText(found)}. ${remedy}`);
}

/** An error of a step as one that says which step, what to do, and which state is whole. Others stay as they are. */
export function stepError(error: unknown, { at, state, picture }: Failure): unknown {
  const saved = state === "" ? "No state was written yet." : `The last good state is ${state}.`;
  if (isOutOfMemory(error)) {
    const remedy =
      "Resume with recomputed activations (--recompute), or start a run with smaller batches (--batch) and more " +
      "accumulation (--accumulate), with adapters (--lora), or with bfloat16 weights (--weights bfloat16).";
    const [reason = ""] = messageOf(error).split("\n");
    return new RocError("OUT_OF_MEMORY", `${at}: out of memory. ${saved} ${remedy} (${reason})`, {
      cause: error,
    });
  }
  if (!isRocError(error)) return error;
  if (picture) {
    const remedy =
      "Repair or remove that picture and start again, or skip such pictures (--skip-broken): the run resumes.";
    return new RocError(error.code, `${at}: ${sentence(error.message)} ${saved} ${remedy}`, { cause: error });
  }
  if (error.code === "SCORE_NOT_FINITE") {
    const remedy = notFinite("").message.trimStart();
    return new RocError("TRAINING", `${at}: ${sentence(error.message)} ${saved} ${remedy}`, { cause: error });
  }
  if (error.code !== "TRAINING" || error.cause !== undefined) return error;
  return new RocError("TRAINING", `${at}: ${messageOf(error)} ${saved}`, { cause: error });
}

function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}
