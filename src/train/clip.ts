/** Gradient clipping by the norm of all gradients together, as PyTorch's `clip_grad_norm_`. */
import { RocError } from "../errors.js";
import { aten, noGrad, scope, stack, type Tensor } from "../torch/index.js";

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
      // Norms of 16-bit gradients are computed and summed in float32.
      const dtype = gradients.every((gradient) => gradient.dtype === "float32") ? null : "float32";
      const norm = stack(aten("_foreach_norm.Scalar")(gradients, 2, dtype))
        .norm()
        .item();
      if (!Number.isFinite(norm)) {
        throw new RocError("TRAINING", `The norm of the gradients is ${norm}. Lower the learning rate.`);
      }
      const factor = maxNorm / (norm + EPSILON);
      if (factor < 1) aten("_foreach_mul_.Scalar")(gradients, factor);
      return norm;
    }),
  );
}
