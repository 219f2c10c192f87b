/** A histogram that has gradients: how near each feature is to the learned middle of each bin, by a learned slope. */
import type { Params } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";

export class SoftHistogram {
  readonly #factors: Tensor;
  readonly #middles: Tensor;
  readonly #slopes: Tensor;
  readonly #heights: Tensor;

  /** Factors and heights are 1 and nothing trains them: the authors' layers are convolutions of which half is fixed. */
  constructor(
    params: Params,
    private readonly features: number,
    private readonly bins: number,
  ) {
    const size = features * bins;
    const [centers, widths] = [params.at("bin_centers_conv"), params.at("bin_widths_conv")];
    this.#factors = centers.buffer("weight", [size, 1, 1], "ones");
    const middles = (): Float32Array => Float32Array.from({ length: size }, (_, i) => -((i % bins) + 0.5) / bins);
    this.#middles = centers.get("bias", [size], { table: middles });
    this.#slopes = widths.get("weight", [size, 1, 1], { table: () => new Float32Array(size).fill(-2 * bins) });
    this.#heights = widths.buffer("bias", [size], "ones");
  }

  /** `[B, features] -> [B, features * bins]` */
  forward(x: Tensor): Tensor {
    const [factors, middles, slopes, heights] = [this.#factors, this.#middles, this.#slopes, this.#heights].map((one) =>
      one.reshape(this.features, this.bins),
    ) as [Tensor, Tensor, Tensor, Tensor];
    const far = x.unsqueeze(2).mul(factors).add(middles).abs();
    return far.mul(slopes).add(heights).relu().flatten(1);
  }
}
