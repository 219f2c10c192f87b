/** Gradient clipping by the norm of all gradients together, as PyTorch's `clip_grad_norm_`. */
import { RocError } from "../../errors.js";
import { aten, noGrad, scope, stack, type Tensor } from "../../torch/index.js";

/** PyTorch's guard against a division by zero. */
const EPSILON = 1e-6;

/**
 * Scales the gradients of `parameters` in place so that their global L2 norm is at most `maxNorm`.
 *
 * @param maxNorm Infinity only measures
 * @returns the norm before clipping; 0 where no parameter has a gradient
 * @throws RocError TRAINING where the norm is not finite; gradients and weights are then untouched
 */
export function clipGradients(parameters: Iterable<Tensor>, maxNorm: number): number {
  return clipNorm(() => [...parameters].map((parameter) => parameter.grad), maxNorm);
}

/** As {@link clipGradients}, of gradients (or parts of them) that are looked up in a scope of their own. */
export function clipNorm(find: () => readonly (Tensor | null)[], maxNorm: number): number {
  return noGrad(() =>
    scope(() => {
      const gradients = find().filter((gradient) => gradient !== null);
      if (gradients.length === 0) return 0;
      const norm = normOf(gradients);
      if (!Number.isFinite(norm)) throw notFinite(`The norm of the gradients is ${norm}.`);
      const factor = maxNorm / (norm + EPSILON);
      if (factor < 1) aten("_foreach_mul_.Scalar")(gradients, factor);
      return norm;
    }),
  );
}

/** The L2 norm of tensors together; those of 16 bits are computed and summed in float32. */
function normOf(tensors: readonly Tensor[]): number {
  const dtype = tensors.every((tensor) => tensor.dtype === "float32") ? null : "float32";
  return stack(aten("_foreach_norm.Scalar")([...tensors], 2, dtype))
    .norm()
    .item();
}

/** @throws RocError TRAINING where one of the tensors holds NaN or an infinity */
export function checkFinite(tensors: readonly Tensor[], what: string): void {
  const norm = noGrad(() => scope(() => normOf(tensors)));
  if (!Number.isFinite(norm)) throw notFinite(`The norm of ${what} is ${norm}.`);
}

/** What a run dies of whose numbers have left the range of their type. */
export function notFinite(fact: string): RocError {
  const remedy =
    "Start a run from the last good state with a lower learning rate or a warm-up, and where numbers are too large for " +
    "16 bits with --precision float32 and --weights float32.";
  return new RocError("TRAINING", `${fact} ${remedy}`);
}
