/** What a model computed is finite, or an error that says why it is not. */
import { RocError } from "../errors.js";
import type { Mllm } from "../models/types.js";
import { findNonFinite, nonFiniteText, type Tensor } from "../torch/index.js";

/**
 * @param beside weights by name that the numbers come from and that are no parameters of the model
 * @throws RocError SCORE_NOT_FINITE where one of the logits is NaN or infinite, see {@link notFinite}
 */
export function checkFinite(logits: readonly number[], model: Weights, beside?: ReadonlyMap<string, Tensor>): void {
  if (!logits.every(Number.isFinite)) throw notFinite(model, beside);
}

type Weights = Pick<Mllm, "dtype" | "parameters">;

/**
 * The error of a model whose logits are NaN or infinite: names the weight that is not finite, or where all are the dtype.
 * Looks through all weights.
 */
export function notFinite(model: Weights, beside: ReadonlyMap<string, Tensor> = new Map()): RocError {
  const found = findNonFinite(model.parameters()) ?? findNonFinite(beside);
  const why = found ? `${nonFiniteText(found)}. ${weightRemedy(model, found.nan > 0)}` : overflowText(model);
  return new RocError("SCORE_NOT_FINITE", `The model gives NaN or infinite numbers: ${why}`);
}

const WIDER: Readonly<Record<string, string>> = { float16: "bfloat16 or float32", bfloat16: "float32" };

/** Numbers that are too large for a dtype become infinite, never NaN. */
function weightRemedy({ dtype }: Weights, isNan: boolean): string {
  const again = "Fetch or train the checkpoint again.";
  const wider = WIDER[dtype];
  return isNan || wider === undefined
    ? again
    : `Where it is only too large for ${dtype}, take --dtype ${wider}. ${again}`;
}

function overflowText({ dtype }: Weights): string {
  const wider = WIDER[dtype] ?? (dtype === "float32" ? "float64" : undefined);
  const again = "its weights are too large: train or fetch the checkpoint again.";
  const what = `all weights are finite, but what is computed from them overflows in ${dtype}`;
  return wider === undefined ? `${what}; ${again}` : `${what}. Take --dtype ${wider}, or ${again}`;
}
