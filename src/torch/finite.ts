/** NaN and infinities among a tensor's values. */
import { aten } from "./aten.js";
import { FLOAT_DTYPES } from "./dtype.js";
import { scope } from "./lifetime.js";
import type { Tensor } from "./tensor.js";

/**
 * How many of a tensor's values are no finite numbers.
 *
 * @category Tensors
 */
export interface NonFinite {
  /** Values that are NaN. */
  readonly nan: number;
  /** Values that are plus or minus infinity. */
  readonly infinite: number;
}

/**
 * Looks at every value of a tensor.
 *
 * @returns undefined where all are finite, and for tensors of whole numbers
 *
 * @category Tensors
 */
export function nonFinite(tensor: Tensor): NonFinite | undefined {
  if (!FLOAT_DTYPES.includes(tensor.dtype) || tensor.numel === 0) return undefined;
  return scope(() => {
    const [least, most] = aten("aminmax")(tensor.detach(), {});
    if (Number.isFinite(least.item()) && Number.isFinite(most.item())) return undefined;
    const count = (found: Tensor): number => found.sum().item();
    return { nan: count(aten("isnan")(tensor)), infinite: count(aten("isinf")(tensor)) };
  });
}

/**
 * What of named tensors is not finite: counts of the first of them.
 *
 * @category Tensors
 */
export interface NonFiniteTensors extends NonFinite {
  /** The first of them; `nan` and `infinite` are its own. */
  readonly name: string;
  /** How many values it has. */
  readonly numel: number;
  /** How many tensors hold such values. */
  readonly tensors: number;
}

/**
 * Looks through named tensors, as {@link Mllm.parameters} gives them.
 *
 * @returns undefined where all values are finite
 *
 * @category Tensors
 */
export function findNonFinite(tensors: Iterable<readonly [string, Tensor]>): NonFiniteTensors | undefined {
  let first: Omit<NonFiniteTensors, "tensors"> | undefined;
  let count = 0;
  for (const [name, tensor] of tensors) {
    const found = nonFinite(tensor);
    if (!found) continue;
    count += 1;
    first ??= { ...found, name, numel: tensor.numel };
  }
  return first && { ...first, tensors: count };
}

/**
 * What {@link findNonFinite} found, for a message: "tensor a.weight: of 64 values, 1 NaN; 3 tensors hold the like, this is
 * the first".
 *
 * @category Tensors
 */
export function nonFiniteText({ name, nan, infinite, numel, tensors }: NonFiniteTensors): string {
  const kinds = [nan > 0 ? `${nan} NaN` : "", infinite > 0 ? `${infinite} infinite` : ""].filter(Boolean).join(" and ");
  const others = tensors > 1 ? `; ${tensors} tensors hold the like, this is the first` : "";
  return `tensor ${name}: of ${numel} values, ${kinds}${others}`;
}
