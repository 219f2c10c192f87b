/** Activations by the names that Hugging Face configs give them. */
import type { Tensor } from "../torch/index.js";

export type Activation = (x: Tensor) => Tensor;

/** `quick_gelu` and the exact (erf) `gelu` differ by up to 0.02: they are not interchangeable. */
export const ACTIVATIONS = {
  gelu: (x) => x.gelu(),
  gelu_new: (x) => x.gelu("tanh"),
  gelu_pytorch_tanh: (x) => x.gelu("tanh"),
  quick_gelu: (x) => x.mul(1.702).sigmoid().mul(x),
  relu: (x) => x.relu(),
  silu: (x) => x.silu(),
} as const satisfies Record<string, Activation>;

export type ActivationName = keyof typeof ACTIVATIONS;

export const ACTIVATION_NAMES = Object.keys(ACTIVATIONS) as [ActivationName, ...ActivationName[]];
