/** A system's model of a checkpoint whose tensors are all its parameters and buffers. */
import type { ParamSource } from "../../nn/index.js";
import { strictModel } from "../../models/common/strict-model.js";
import { strictSource, type Checkpoint } from "../../weights/index.js";
import type { Baseline, SystemLoadOptions } from "../types.js";

/**
 * Makes the model of a checkpoint's tensors.
 *
 * @param make the model of a source, as the system's `create` makes it of a config
 * @throws RocError CHECKPOINT_MISMATCH naming what is missing, unexpected or of another shape
 */
export function strictBaseline<B extends Baseline>(
  checkpoint: Checkpoint,
  options: SystemLoadOptions,
  make: (source: ParamSource) => B,
): B {
  const source = strictSource(checkpoint, { ...options, ignore: (name) => name.endsWith("num_batches_tracked") });
  return strictModel(source, () => make(source));
}
