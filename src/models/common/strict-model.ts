/** A model whose every parameter comes from a checkpoint. */
import type { StrictSource } from "../../weights/index.js";

/**
 * Makes the model, and frees it again where the checkpoint does not fit.
 * @throws RocError CHECKPOINT_MISMATCH
 */
export function strictModel<M extends { dispose(): void }>(source: StrictSource, make: () => M): M {
  const model = make();
  try {
    source.finish();
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}
