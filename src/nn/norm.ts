/** Normalisation over the last dimension. */
import { aten, type Tensor } from "../torch/index.js";
import type { Params } from "./params.js";

const rmsNorm = aten("rms_norm");
const layerNorm = aten("layer_norm");

/**
 * LLaMA's RMSNorm: `x / sqrt(mean(x²) + eps)`. In 16 bits it is computed in float32, rounded, and only then multiplied by the
 * weight (transformers' LlamaRMSNorm); libtorch's operator does the first two, on CUDA in one kernel.
 */
export class RmsNorm {
  readonly weight: Tensor;

  constructor(
    params: Params,
    private readonly size: number,
    private readonly eps: number,
  ) {
    this.weight = params.get("weight", [size], "ones");
  }

  forward(x: Tensor): Tensor {
    return isWide(x) ? rmsNorm(x, [this.size], this.weight, this.eps) : this.normalize(x).mul(this.weight);
  }

  /** Without the weight. */
  normalize(x: Tensor): Tensor {
    return rmsNorm(x, [this.size], null, this.eps);
  }
}

function isWide({ dtype }: Tensor): boolean {
  return dtype === "float32" || dtype === "float64";
}

/** Qwen3.5's: the weight starts at 0 and counts from 1, and the product is rounded once (transformers' Qwen3_5RMSNorm). */
export class CenteredRmsNorm {
  readonly weight: Tensor;

  constructor(
    params: Params,
    private readonly size: number,
    private readonly eps: number,
  ) {
    this.weight = params.get("weight", [size], "zeros");
  }

  forward(x: Tensor): Tensor {
    const own = isWide(x) ? x : x.to("float32");
    return rmsNorm(own, [this.size], this.weight.to(own.dtype).add(1), this.eps).to(x.dtype);
  }
}

/** LayerNorm with weight and bias, in the dtype of `x`. */
export class LayerNorm {
  readonly weight: Tensor;
  readonly bias: Tensor;

  constructor(
    params: Params,
    private readonly size: number,
    private readonly eps: number,
  ) {
    this.weight = params.get("weight", [size], "ones");
    this.bias = params.get("bias", [size], "zeros");
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, [this.size], this.weight, this.bias, this.eps);
  }
}
