/** Token ids and indices as tensors. */
import { fromTypedArray, type Tensor } from "../torch/index.js";

/** Whole numbers as int64 of `shape`, by default one row of them. */
export function idTensor(
  values: readonly number[],
  device: string,
  shape: readonly number[] = [values.length],
): Tensor {
  return fromTypedArray(BigInt64Array.from(values, BigInt), [...shape], { device });
}
