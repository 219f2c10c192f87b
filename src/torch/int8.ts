/** Linear maps whose weights are bytes, on the CPU (native/int8_kernels.h states every step of them). */
import { guarded } from "./call.js";
import { native } from "./native.js";
import { Tensor } from "./tensor.js";

/** Rows of bytes. */
export interface QuantizedRows {
  /** int8, the shape of the rows: `q` with `q * scale` as near to the row as it gets. */
  readonly bytes: Tensor;
  /** `[rows]` float32: the largest magnitude of each row over 127; NaN where a row holds NaN or an infinity. */
  readonly scales: Tensor;
}

/**
 * Rounds every row of a matrix to 255 evenly spaced numbers around 0.
 *
 * @param x `[rows, inputs]` of a floating dtype, on the CPU
 * @throws RocError USAGE for anything else
 */
export function quantizeRows(x: Tensor): QuantizedRows {
  const [bytes, scales] = guarded("quantizeRows", [x], () => native.quantizeRows(x.handle));
  return { bytes: new Tensor(bytes), scales: new Tensor(scales) };
}

/** A linear map in 8 bits: `weight[o] * scales[o]` stands for row o. */
export interface Int8Map {
  /** `[outputs, inputs]` int8, without gaps */
  readonly weight: Tensor;
  /** `[outputs]` float32 */
  readonly scales: Tensor;
  /** `[outputs]` of a floating dtype, or null */
  readonly bias: Tensor | null;
}

/**
 * `[..., inputs] -> [..., outputs]` in the dtype of `x`, whose rows are rounded to bytes, too. The same bits on every
 * processor and with any number of threads: what is added are whole numbers.
 *
 * @param kernels for tests: one of {@link int8Kernels}; default: by the processor's instructions and the number of rows
 * @throws RocError USAGE where shapes, dtypes or devices do not fit, or `x` needs a gradient, which this has not got
 */
export function int8Linear(x: Tensor, { weight, scales, bias }: Int8Map, kernels?: string): Tensor {
  const handle = guarded("int8Linear", [x, weight, scales, bias], () =>
    native.int8Linear(x.handle, weight.handle, scales.handle, bias?.handle ?? null, kernels ?? null),
  );
  return new Tensor(handle);
}

/** How the weights of linear maps come in 8 bits. */
export interface QuantizePlan {
  readonly to: "int8";
  /** The file holds them so; else they are rounded as they are read. */
  readonly stored: boolean;
}

/** Inputs of a map at most: sums of more products do not fit (native/int8.cc). */
const MOST_INPUTS = 2 ** 17;

/**
 * Whether a linear map `[outputs, inputs]` can be in 8 bits on every device: on a GPU, sides have to be multiples of 8.
 */
export function fitsInt8([outputs = 0, inputs = 0]: readonly number[]): boolean {
  return outputs > 0 && inputs > 0 && inputs <= MOST_INPUTS && outputs % 8 === 0 && inputs % 8 === 0;
}

/** Names of the kernels that this processor has: the fastest first, libtorch's own products last. */
export function int8Kernels(): string[] {
  return guarded("int8Kernels", [], () => native.int8Kernels());
}
