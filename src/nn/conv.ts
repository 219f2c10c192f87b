/** Convolution over pictures. */
import { aten, type Tensor } from "../torch/index.js";
import { fanIn, type Init, type Params } from "./params.js";

const conv2d = aten("conv2d");
const maxPool = aten("max_pool2d");
const pad = aten("constant_pad_nd");

/** Of a {@link Conv2d}. */
export interface ConvOptions {
  /** Side of the kernel, or its height and width. */
  readonly kernel: number | readonly [height: number, width: number];
  /** Default 1. */
  readonly stride?: number;
  /**
   * Zeros around the picture: as many on every side, or "same" as TensorFlow has it: as many outputs as inputs over the stride,
   * rounded up, the odd zero below and on the right. Default 0.
   */
  readonly padding?: number | "same";
  /** Default 1. */
  readonly groups?: number;
  /** Default false. */
  readonly bias?: boolean;
  /** Of the weight; default {@link fanIn}. */
  readonly init?: Init;
  /** Of the bias; default 0. */
  readonly biasInit?: Init;
}

export class Conv2d {
  /** `[outputs, inputs / groups, height, width]` */
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly #stride: number;
  readonly #padding: number | "same";
  readonly #groups: number;
  readonly #kernel: readonly [height: number, width: number];

  constructor(params: Params, inputs: number, outputs: number, options: ConvOptions) {
    const { kernel, stride = 1, padding = 0, groups = 1, bias = false } = options;
    const sides = typeof kernel === "number" ? ([kernel, kernel] as const) : kernel;
    [this.#kernel, this.#stride, this.#padding, this.#groups] = [sides, stride, padding, groups];
    const shape = [outputs, inputs / groups, ...sides];
    const init = options.init ?? fanIn((inputs / groups) * sides[0] * sides[1]);
    this.weight = params.get("weight", shape, init);
    this.bias = bias ? params.get("bias", [outputs], options.biasInit ?? "zeros") : null;
  }

  /** `[B, inputs, H, W] -> [B, outputs, H', W']` */
  forward(x: Tensor): Tensor {
    const [stride, groups] = [this.#stride, this.#groups];
    const [padded, around] = this.#padding === "same" ? this.#same(x) : [x, [this.#padding, this.#padding]];
    return conv2d(padded, this.weight, this.bias, [stride, stride], around, [1, 1], groups);
  }

  /** As many zeros on either side are the convolution's own, which copies nothing. */
  #same(x: Tensor): readonly [padded: Tensor, around: readonly number[]] {
    const missing = missingSame(x, this.#kernel, this.#stride);
    if (missing.every((zeros) => zeros % 2 === 0)) return [x, missing.map((zeros) => zeros / 2)];
    return [padSame(x, this.#kernel, this.#stride), [0, 0]];
  }
}

/** Rows and columns of zeros that TensorFlow's "SAME" puts around `[B, C, H, W]`. */
function missingSame(x: Tensor, kernel: readonly [height: number, width: number], stride: number): [number, number] {
  const missing = (length: number, side: number): number =>
    Math.max(0, (Math.ceil(length / stride) - 1) * stride + side - length);
  return [missing(x.size(2), kernel[0]), missing(x.size(3), kernel[1])];
}

/** `[B, C, H, W]` with the zeros around it that TensorFlow's "SAME" puts there. */
export function padSame(x: Tensor, kernel: readonly [height: number, width: number], stride: number): Tensor {
  const [rows, columns] = missingSame(x, kernel, stride);
  if (rows === 0 && columns === 0) return x;
  const before = [Math.floor(columns / 2), Math.floor(rows / 2)] as const;
  return pad(x, [before[0], columns - before[0], before[1], rows - before[1]], 0);
}

/**
 * Pooling of 3 by 3 with stride 2, padded as TensorFlow's "SAME" does: `[B, C, H, W] -> [B, C, ceil(H / 2), ceil(W / 2)]`. An odd
 * side has one row more on either end; of an even one the last window is cut short, so that nothing is copied.
 */
export function maxPoolSame(x: Tensor): Tensor {
  return maxPool(x, [3, 3], [2, 2], [x.size(2) % 2, x.size(3) % 2], [1, 1], true);
}
