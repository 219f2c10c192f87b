/** Linear maps in 8 bits: int8 weights with a scale per output, activations rounded per row as they come. */
import { aten, full, type Tensor } from "../torch/index.js";
import { int8Linear, quantizeRows, type Int8Map } from "../torch/int8.js";
import type { LinearForm } from "./linear.js";

const product = aten("_int_mm");
const padded = aten("constant_pad_nd");
const atLeast = aten("clamp_min");
const largest = aten("amax");
const round = aten("round");

/** cuBLAS takes more rows than 16 (ATen/native/cuda/Blas.cpp). */
const FEWEST_ROWS = 32;

/** Below it, 127 over a row's largest magnitude would overflow (native/int8_kernels.h). */
const LEAST = 2 ** -100;

/** The weight of a linear map as bytes and the scales of its rows, where the weight is. */
export function quantizeWeight(weight: Tensor): [bytes: Tensor, scales: Tensor] {
  const { device } = weight;
  const { bytes, scales } = quantizeRows(weight.detach().to({ device: "cpu" }));
  return [bytes.to({ device }), scales.to({ device })];
}

export class Int8Form implements LinearForm {
  readonly name = "int8";
  readonly #linear: (x: Tensor, map: Int8Map) => Tensor;

  /** @param weight `[outputs, inputs]` int8; it and the `[outputs]` scales are parameters of the model, who frees them */
  constructor(
    private readonly weight: Tensor,
    private readonly scales: Tensor,
  ) {
    this.#linear = weight.device === "cpu" ? int8Linear : int8LinearOnDevice;
  }

  forward(x: Tensor, bias: Tensor | null): Tensor {
    return this.#linear(x, { weight: this.weight, scales: this.scales, bias });
  }

  dispose(): void {
    // It holds parameters only.
  }
}

/**
 * As `int8Linear`, with operators that CUDA has. Sums are exact here, too; the steps around them round in float32, one by
 * one, in another order.
 */
export function int8LinearOnDevice(x: Tensor, { weight, scales, bias }: Int8Map): Tensor {
  const [outputs = 0, inputs = 0] = weight.shape;
  const rows = x.reshape(-1, inputs).to("float32");
  const count = rows.size(0);
  const shape = [...x.shape.slice(0, -1), outputs];
  const most = largest(rows.abs(), [1], true);
  const factors = full([], 127, { device: x.device }).div(atLeast(most, LEAST));
  const bytes = round(rows.mul(factors)).to("int8");
  const enough = count < FEWEST_ROWS ? padded(bytes, [0, 0, 0, FEWEST_ROWS - count], 0) : bytes;
  const sums = product(enough, weight.t()).narrow(0, 0, count);
  const y = sums.mul(most.div(127)).mul(scales);
  return (bias ? y.add(bias.to("float32")) : y).to(x.dtype).view(...shape);
}
