/** Batch normalisation (arXiv 1502.03167), numerically PyTorch's BatchNorm1d and BatchNorm2d. */
import { aten, type Tensor } from "../torch/index.js";
import type { Params } from "./params.js";

const batchNorm = aten("batch_norm");

export class BatchNorm {
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  readonly runningVariance: Tensor;
  readonly #eps: number;
  readonly #momentum: number;

  /**
   * @param options `eps`: default 1e-5; `momentum`: share of a batch in the running statistics, default 0.1; `zero`: the weight
   *   starts as 0 in the place of 1, so that the branch it ends gives nothing at first
   */
  constructor(params: Params, channels: number, options: { eps?: number; momentum?: number; zero?: boolean } = {}) {
    this.#eps = options.eps ?? 1e-5;
    this.#momentum = options.momentum ?? 0.1;
    this.weight = params.get("weight", [channels], options.zero ? "zeros" : "ones");
    this.bias = params.get("bias", [channels], "zeros");
    this.runningMean = params.buffer("running_mean", [channels], "zeros");
    this.runningVariance = params.buffer("running_var", [channels], "ones");
  }

  /**
   * By the running statistics, or in training by those of the batch, which the running ones then take in. One number a channel
   * (a batch of one vector) has no deviation: it is normalised by the running ones, which stay.
   *
   * @param x `[B, channels, ...]`, the shape of the result too
   */
  forward(x: Tensor, training: boolean): Tensor {
    const { weight, bias, runningMean, runningVariance } = this;
    const byBatch = training && x.numel > x.size(1);
    return batchNorm(x, weight, bias, runningMean, runningVariance, byBatch, this.#momentum, this.#eps, false);
  }
}
