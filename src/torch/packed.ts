/** Linear maps whose bfloat16 weights oneDNN has put into the order that its products read, on the CPU. */
import { operator } from "./call.js";
import { noGrad } from "./modes.js";
import { scope } from "./lifetime.js";
import { zeros } from "./create.js";
import { isRocError, RocError } from "../errors.js";
import type { Tensor } from "./tensor.js";

/** A weight in oneDNN's order: for {@link packedLinear} and `dispose()` alone, as its values have no addresses. */
export function packWeight(weight: Tensor): Tensor {
  return operator("mkldnn::_reorder_linear_weight")(weight) as Tensor;
}

/**
 * `[..., inputs] -> [..., outputs]` in bfloat16.
 *
 * @throws RocError USAGE where `x` needs a gradient, which this has not got
 */
export function packedLinear(x: Tensor, packed: Tensor, bias: Tensor | null): Tensor {
  if (x.requiresGrad) throw new RocError("USAGE", "Linear maps with packed weights have no gradient.");
  return operator("mkldnn::_linear_pointwise")(x, packed, bias, "none", [], "") as Tensor;
}

let found: boolean | undefined;

/** Whether libtorch has such products and they run on this processor, which a tiny one tells. */
export function hasPackedProducts(): boolean {
  return (found ??= tryProduct());
}

function tryProduct(): boolean {
  const sides = (): Tensor => zeros([16, 16], { dtype: "bfloat16" });
  try {
    noGrad(() => scope(() => packedLinear(sides(), packWeight(sides()), null).toNumbers()));
    return true;
  } catch (error) {
    if (isRocError(error)) return false;
    throw error;
  }
}
