/** What a run can train. */
import type { Baseline } from "../baselines/types.js";
import type { Mllm } from "../models/types.js";
import type { Tensor } from "../torch/index.js";

/** A multimodal language model, or one of the classical systems. */
export type Learner = Mllm | Baseline;

export function isBaseline(model: Learner): model is Baseline {
  return "outputs" in model;
}

/** What steps change without gradients: running statistics. None of a language model. */
export function buffersOf(model: Learner): Map<string, Tensor> {
  return isBaseline(model) ? model.buffers() : new Map<string, Tensor>();
}
