/** Convolution over pictures. */
import { aten, type Tensor } from "../torch/index.js";
import { fanIn, type Init, type Params } from "./params.js";

const conv2d = aten("conv2d");
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
    const around = this.#padding;
    if (around !== "same") return conv2d(x, this.weight, this.bias, [stride, stride], [around, around], [1, 1], groups);
    return conv2d(padSame(x, this.#kernel, stride), this.weight, this.bias, [stride, stride], [0, 0], [1, 1], groups);
  }
}

/** `[B, C, H, W]` with the zeros (or `value`) around it that TensorFlow's "SAME" puts there. */
export function padSame(
  x: Tensor,
  kernel: readonly [height: number, width: number],
  stride: number,
  value = 0,
): Tensor {
  const missing = (length: number, side: number): number =>
    Math.max(0, (Math.ceil(length / stride) - 1) * stride + side - length);
  const [rows, columns] = [missing(x.size(2), kernel[0]), missing(x.size(3), kernel[1])];
  if (rows === 0 && columns === 0) return x;
  const before = [Math.floor(columns / 2), Math.floor(rows / 2)] as const;
  return pad(x, [before[0], columns - before[0], before[1], rows - before[1]], value);
}
