/** Attention to places that the network chooses: DAT's, from points that are predicted too (EAT), with a gate (ICAA). */
import { Conv2d, LayerNorm, type Params } from "../../nn/index.js";
import { aten, fromTypedArray, type Tensor } from "../../torch/index.js";
import type { DatConfig } from "./dat-config.js";
import { pytorchInit } from "./initial.js";

const gridSampler = aten("grid_sampler");
const flip = aten("flip");

/** Sides of the convolution that offsets are computed with, by stage. */
const OFFSET_KERNELS = [9, 7, 5, 3];

/** Share of an offset that is left where it and its point do not lie on the same side of the middle, on both axes. */
const DISAGREEING = 0.25;

/** On what a gate says, before the sigmoid: it is open below 0 and shut above. */
const GATE_FACTOR = -99999;

interface DeformableShape {
  readonly dim: number;
  readonly heads: number;
  readonly groups: number;
  /** Patches along a side of the picture. */
  readonly side: number;
  readonly stage: number;
}

/** Bilinear, zeros beyond the border, the corners being the middles of the outermost places. */
function sampled(input: Tensor, places: Tensor): Tensor {
  return gridSampler(input, flip(places, [-1]), 0, 0, true);
}

function pointwise(params: Params, inputs: number, outputs: number): Conv2d {
  return new Conv2d(params, inputs, outputs, { kernel: 1, bias: true, ...pytorchInit(inputs) });
}

/** How far each place moves from its point, by the queries around it. */
class Offsets {
  readonly #around: Conv2d;
  readonly #norm: LayerNorm;
  readonly #last: Conv2d;

  constructor(
    params: Params,
    channels: number,
    stage: number,
    private readonly range: number,
  ) {
    const kernel = OFFSET_KERNELS[stage] ?? 3;
    const padding = Math.floor(kernel / 2);
    const init = pytorchInit(kernel * kernel);
    const options = { kernel, padding, groups: channels, bias: true, ...init };
    this.#around = new Conv2d(params.at(0), channels, channels, options);
    this.#norm = new LayerNorm(params.at(1, "norm"), channels, 1e-5);
    this.#last = new Conv2d(params.at(3), channels, 2, { kernel: 1, init: pytorchInit(channels).init });
  }

  /** `[B * groups, channels, side, side] -> [B * groups, side, side, 2]`, down and across, of -1 to 1 over the picture */
  forward(queries: Tensor): Tensor {
    const normed = this.#norm.forward(this.#around.forward(queries).permute(0, 2, 3, 1)).gelu();
    const raw = this.#last.forward(normed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1);
    return raw.tanh().mul(this.range / queries.size(2));
  }
}

export class DeformableAttention {
  readonly #offsets: Offsets;
  readonly #q: Conv2d;
  readonly #k: Conv2d;
  readonly #v: Conv2d;
  readonly #out: Conv2d;
  readonly #points: Conv2d;
  readonly #gate: Conv2d | undefined;
  /** `[heads, 2 side - 1, 2 side - 1]` */
  readonly #table: Tensor;

  constructor(
    params: Params,
    private readonly shape: DeformableShape,
    private readonly config: Pick<DatConfig, "reference" | "gate" | "offset_range">,
  ) {
    const { dim, heads, groups, side, stage } = shape;
    this.#offsets = new Offsets(params.at("conv_offset"), dim / groups, stage, config.offset_range);
    this.#q = pointwise(params.at("proj_q"), dim, dim);
    this.#k = pointwise(params.at("proj_k"), dim, dim);
    this.#v = pointwise(params.at("proj_v"), dim, dim);
    this.#out = pointwise(params.at("proj_out"), dim, dim);
    this.#points = pointwise(params.at("ref_point14"), dim, 2);
    this.#gate = config.gate ? pointwise(params.at("ref_gate"), dim, 1) : undefined;
    this.#table = params.get("rpe_table", [heads, 2 * side - 1, 2 * side - 1], { std: 0.01 });
  }

  /** `[B, side, side, dim] -> [B, side, side, dim]` */
  forward(rows: Tensor): Tensor {
    const { dim, heads, groups, side } = this.shape;
    const [batch, places, size] = [rows.size(0), side * side, dim / heads];
    const x = rows.permute(0, 3, 1, 2).contiguous();
    const q = this.#q.forward(x);
    const at = this.#places(x, q);
    const keys = sampled(x.reshape(batch * groups, dim / groups, side, side), at).reshape(batch, dim, 1, places);
    const perHead = (y: Tensor): Tensor => y.reshape(batch * heads, size, places);
    const [queries, k, v] = [q, this.#k.forward(keys), this.#v.forward(keys)].map(perHead) as [Tensor, Tensor, Tensor];
    const products = queries
      .transpose(1, 2)
      .matmul(k)
      .mul(size ** -0.5);
    const weights = products.add(this.#bias(at, batch)).softmax(2);
    const seen = v.matmul(weights.transpose(1, 2)).reshape(batch, dim, side, side);
    return this.#out.forward(seen).permute(0, 2, 3, 1);
  }

  /** Where keys are sampled, `[B * groups, side, side, 2]`, down and across, -1 to 1 being the picture. */
  #places(x: Tensor, q: Tensor): Tensor {
    const { dim, groups, side } = this.shape;
    const offsets = this.#offsets.forward(q.reshape(-1, dim / groups, side, side));
    const points = this.#perGroup(this.#points.forward(x), (y) => y.tanh());
    const agree = offsets.detach().mul(points.detach()).gt(0).to(offsets.dtype);
    const both = agree.narrow(-1, 0, 1).mul(agree.narrow(-1, 1, 1));
    const places = offsets.mul(both.mul(1 - DISAGREEING).add(DISAGREEING)).add(points);
    if (!this.#gate) return places;
    return places.mul(this.#perGroup(this.#gate.forward(x), (y) => y.mul(GATE_FACTOR).sigmoid()));
  }

  /** A prediction of every place, `[B, N, side, side]`, for the groups of each picture: `[B * groups, side, side, N]`. */
  #perGroup(predicted: Tensor, last: (y: Tensor) => Tensor): Tensor {
    const { groups, side } = this.shape;
    const [batch, channels] = [predicted.size(0), predicted.size(1)];
    const own = this.config.reference === "batch" ? predicted.mean(0, true) : predicted;
    const places = last(own.permute(0, 2, 3, 1)).unsqueeze(1);
    return places.expand(batch, groups, side, side, channels).reshape(batch * groups, side, side, channels);
  }

  /** By how far each query lies from each key, `[B * heads, places, places]`. */
  #bias(at: Tensor, batch: number): Tensor {
    const { heads, groups, side } = this.shape;
    const places = side * side;
    const [inGroup, span] = [heads / groups, 2 * side - 1];
    const grid = this.#grid(at);
    const apart = grid
      .unsqueeze(2)
      .sub(at.reshape(batch * groups, 1, places, 2))
      .mul(0.5);
    const table = this.#table.unsqueeze(0).expand(batch, heads, span, span);
    return sampled(table.reshape(batch * groups, inGroup, span, span), apart).reshape(batch * heads, places, places);
  }

  /** The queries' own places, `[1, places, 2]`. */
  #grid({ dtype, device }: Tensor): Tensor {
    const { side } = this.shape;
    const middle = (i: number): number => ((i + 0.5) / side) * 2 - 1;
    const values = Array.from({ length: side * side }, (_, i) => [middle(Math.floor(i / side)), middle(i % side)]);
    return fromTypedArray(Float32Array.from(values.flat()), [1, side * side, 2]).to({ dtype, device });
  }
}
