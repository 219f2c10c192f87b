/** The authors' files, by the names and shapes of their tensors. */
import { RocError } from "../../errors.js";
import type { Checkpoint } from "../../weights/index.js";
import { DAT_BASE } from "../common/dat-config.js";
import { hasPoints, withoutComputed } from "../common/dat-original.js";
import { wantedOutputs } from "../common/outputs.js";
import { squashOf } from "../common/rating-config.js";
import type { Original } from "../types.js";
import { HISTOGRAM } from "./config.js";
import { ICAA } from "./facts.js";

/** Numbers of the published histogram. */
const HEAD_INPUTS = HISTOGRAM.histogram_features * HISTOGRAM.histogram_bins;

/**
 * Left out: EAT's map, which nothing uses here; the histogram's first middles, which were replaced; its slopes by their second
 * name.
 */
const UNUSED = /^cls_head\.|^hist_feature\.(centers|widths)$/;

const TENTHS = { min: 0, max: 10 };

/** See `System.original`. */
export function original(checkpoint: Checkpoint): Original | undefined {
  if (!hasPoints(checkpoint) || !checkpoint.has("hst_head.weight") || !checkpoint.has("class_head.weight"))
    return undefined;
  const { shape } = checkpoint.info("class_head.weight");
  if (shape.join() !== `1,${HEAD_INPUTS}`) {
    const text = `${checkpoint.path} holds weights of ICAA's delegate transformer whose class_head.weight is [${shape.join(", ")}]`;
    throw new RocError("CHECKPOINT_MISMATCH", `${text}; the published one is [1, ${HEAD_INPUTS}].`);
  }
  const isOfTwo = checkpoint.has("class_head2.weight");
  const gate = checkpoint.names().some((name) => name.endsWith(".ref_gate.weight"));
  // Of SPAQ, pictures come as arrays of 224 pixels that Pillow's own resize gives.
  const squash = squashOf({ scale: TENTHS, ...(!isOfTwo && { bins: 2 }) });
  const outputs = wantedOutputs({ scale: TENTHS, attributes: isOfTwo ? [{ name: "MOS", scale: TENTHS }] : [] });
  const parts = { ...outputs, gate, ...HISTOGRAM, ...squash };
  return {
    config: { model_type: ICAA, ...parts, ...DAT_BASE, reference: "batch" },
    what: `ICAA's delegate transformer of ${isOfTwo ? "ICAA17K (the score is that of colour)" : "SPAQ (the score is that of colourfulness)"}`,
    checkpoint: withoutComputed(checkpoint, UNUSED),
  };
}
