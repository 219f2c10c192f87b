/** ATen's operators with the types of their schemas. */
import { operator } from "./call.js";
import type { AtenOperators as Generated } from "./generated/aten.js";

/**
 * Every ATen operator by name and overload, with the TypeScript type of its schema: some 2,000 functions such as
 * `"add.Tensor": (self: Tensor, other: Tensor, options?: { alpha?: number | bigint | boolean }) => Tensor`.
 *
 * Arguments are in the schema's order; keyword-only ones in a last object. libtorch's `int` and `float` are numbers,
 * `int[]` arrays of them, `ScalarType` is a {@link DType}, an optional argument may be null. PyTorch's documentation of
 * `torch.add` and the like says what each computes. The types are made from the libtorch that the addon is built with.
 *
 * @category Operators
 */
export type AtenOperators = Generated;

/**
 * An ATen operator by name and overload, typed from its schema: `aten("add.Tensor")(a, b, { alpha: 2 })`.
 *
 * Resolved at the first use and remembered; hold the result in a constant where it is called often. With autograd where
 * PyTorch's has it.
 *
 * @throws RocError (when it is called) TORCH where libtorch refuses the arguments, with the operator and their shapes;
 *   TENSOR_DISPOSED, OUT_OF_MEMORY, DEVICE_LOST
 *
 * @example
 * ```ts
 * import { torch } from "roc4mllm";
 *
 * const topk = torch.aten("topk");
 * torch.scope(() => {
 *   const [values, indices] = topk(torch.tensor([3, 9, 5]), 2);
 *   console.log(values.toNumbers().join(), indices.toNumbers().join()); // 9,5 1,2
 * });
 * ```
 *
 * @category Operators
 */
export function aten<Name extends keyof AtenOperators>(name: Name): AtenOperators[Name] {
  return operator(`aten::${name}`) as AtenOperators[Name];
}
