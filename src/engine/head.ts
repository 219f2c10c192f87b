/** What a checkpoint's files hold of a published scorer beside the model. */
import { RocError } from "../errors.js";
import type { CheckpointFolder } from "../models/places.js";
import type { PublishedScorer } from "../roc/index.js";
import { keep, noGrad, scope, type Tensor } from "../torch/index.js";
import type { Checkpoint } from "../weights/index.js";

/**
 * Reads a tensor of a scorer's head, which is the caller's.
 *
 * @param to what it becomes; default: as the files have it
 * @throws RocError CHECKPOINT_MISMATCH where the files lack it
 */
export function headTensor(
  checkpoint: Checkpoint,
  name: string,
  { folder, scorer, to = {} }: { folder: CheckpointFolder; scorer: PublishedScorer; to?: Parameters<Tensor["to"]>[0] },
): Tensor {
  if (checkpoint.has(name)) return keep(noGrad(() => scope(() => checkpoint.tensor(name).to(to))));
  const text = `${folder.path} lacks ${name}, which ${scorer.title} scores by`;
  throw new RocError("CHECKPOINT_MISMATCH", `${text}. Fetch the scorer's checkpoint again.`);
}
