/** How layers start that their authors left to PyTorch. */
import type { InitUniform } from "../../nn/params.js";

/**
 * Of the weight and the bias of a linear map or a convolution (`kaiming_uniform_` with `a = sqrt(5)`).
 *
 * @param inputs numbers that one output is computed of
 */
export function pytorchInit(inputs: number): { readonly init: InitUniform; readonly biasInit: InitUniform } {
  const init = { bound: inputs ** -0.5 };
  return { init, biasInit: init };
}

/** What the one slope of a PReLU starts as. */
export const PRELU_SLOPE = { table: () => Float32Array.of(0.25) };

/** Numbers from 0 to 1 in the place of draws: spread evenly, in no order that shows. */
export function spreadShares(size: number): Float32Array {
  const golden = (Math.sqrt(5) - 1) / 2;
  return Float32Array.from({ length: size }, (_, i) => ((i + 0.5) * golden) % 1);
}
