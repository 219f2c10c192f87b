/** The authors' files, by the names and shapes of their tensors. */
import { RocError } from "../../errors.js";
import type { Checkpoint } from "../../weights/index.js";
import { DAT_BASE } from "../common/dat-config.js";
import { hasPoints, withoutComputed } from "../common/dat-original.js";
import { wantedOutputs } from "../common/outputs.js";
import { squashOf } from "../common/rating-config.js";
import type { Original } from "../types.js";
import { EAT } from "./facts.js";

/** Head and its number of ratings, by rows of the last map: AVA's 1 to 10, TAD66K's score. */
const RATINGS = {
  10: { scale: { min: 1, max: 10 }, bins: 10 },
  1: { scale: { min: 0, max: 10 } },
} as const;

/** See `System.original`. */
export function original(checkpoint: Checkpoint): Original | undefined {
  if (!hasPoints(checkpoint) || !checkpoint.has("cls_head.weight") || checkpoint.has("hst_head.weight"))
    return undefined;
  const [rows = 0, width = 0] = checkpoint.info("cls_head.weight").shape;
  if ((rows !== 10 && rows !== 1) || width !== DAT_BASE.dims[3]) {
    const text = `${checkpoint.path} holds weights of EAT whose cls_head.weight is [${rows}, ${width}]`;
    const known = `the published ones are [10, ${DAT_BASE.dims[3]}] (AVA) and [1, ${DAT_BASE.dims[3]}] (TAD66K)`;
    throw new RocError("CHECKPOINT_MISMATCH", `${text}; ${known}.`);
  }
  const rating = RATINGS[rows];
  const config = { model_type: EAT, ...wantedOutputs(rating), ...squashOf(rating), ...DAT_BASE, reference: "batch" };
  const what = `EAT of ${rows === 10 ? "AVA" : "TAD66K"} (trained on batches whose pictures share their reference points)`;
  return { config, what, checkpoint: withoutComputed(checkpoint, /num_batches_tracked$/) };
}
