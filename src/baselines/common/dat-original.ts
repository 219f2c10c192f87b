/** Weights of DAT and of what was made of it, by the authors' names. */
import { derivedCheckpoint, type Checkpoint } from "../../weights/index.js";
import { DAT_BASE, DAT_COMPUTED } from "./dat-config.js";

/** Whether they are of a deformable attention transformer whose points are predicted. */
export function hasPoints(checkpoint: Checkpoint): boolean {
  return checkpoint.names().some((name) => name.endsWith(".ref_point14.weight"));
}

/** Its tensors but those that are computed, and those that `leaves` names. */
export function withoutComputed(checkpoint: Checkpoint, leaves: RegExp): Checkpoint {
  const names = checkpoint.names().filter((name) => !DAT_COMPUTED.test(name) && !leaves.test(name));
  return derivedCheckpoint(checkpoint, new Map(names.map((name) => [name, name])));
}

/**
 * What a backbone begins with: DAT-B of ImageNet (`dat_base_in1k_224.pth`), or EAT's weights; heads are left out, and what
 * ImageNet's has not (points, gates) stays fresh.
 */
export function datPretrained(checkpoint: Checkpoint, config: unknown): Checkpoint | undefined {
  const { dims = DAT_BASE.dims } = config as { readonly dims?: readonly number[] };
  if (!checkpoint.has("patch_proj.0.weight") || !checkpoint.has("stages.2.attns.1.rpe_table")) return undefined;
  if (checkpoint.info("patch_proj.0.weight").shape[0] !== dims[0]) return undefined;
  return withoutComputed(checkpoint, /^(cls_head|hst_head|hist_feature|class_head2?)\./);
}
