/**
 * The graphs of HLA-GCN (She et al., CVPR 2021): every place of a feature map is a node, and an edge weighs how alike two places
 * look and how near they are in the picture.
 */
import { BatchNorm, Conv2d, Linear, type Params } from "../../nn/index.js";
import { fromTypedArray, noGrad, scope, type Tensor } from "../../torch/index.js";
import { pytorchInit } from "../common/initial.js";

/** Edges to graph nodes: `x <- W (A x + x)`, where A is how alike nodes look, or the mean of that and the given nearness. */
class GraphConvolution {
  readonly #first: Linear;
  readonly #second: Linear;
  readonly #map: Linear;

  constructor(params: Params, inputs: number, outputs: number) {
    const linear = (name: string): Linear =>
      new Linear(params.at(name), inputs, outputs, { bias: false, init: { bound: inputs ** -0.5 } });
    this.#first = linear("trans_1");
    this.#second = linear("trans_2");
    this.#map = linear("W");
  }

  /** @param x `[B, nodes, inputs]` @param near `[B, nodes, nodes]`, rows that sum to 1 */
  forward(x: Tensor, near?: Tensor): Tensor {
    const alike = this.#first.forward(x).matmul(this.#second.forward(x).transpose(1, 2)).softmax(2);
    const edges = near ? alike.add(near).div(2) : alike;
    return this.#map.forward(edges.matmul(x).add(x));
  }
}

/** The first module: over all places, aware of the layout. */
export class LayoutGraph {
  readonly #layers: readonly GraphConvolution[];

  constructor(params: Params, channels: number, layers: number) {
    this.#layers = Array.from(
      { length: layers },
      (_, i) => new GraphConvolution(params.at("gcns", i), channels, channels),
    );
  }

  /** @param x `[B, channels, H, W]`, the shape of the result too @param near of {@link nearness} */
  forward(x: Tensor, near: Tensor): Tensor {
    const places = x.flatten(2).transpose(1, 2);
    const last = this.#layers.reduce((y, layer, i) => layer.forward(i === 0 ? y : y.relu(), near), places);
    return last.transpose(1, 2).reshape(...x.shape);
  }
}

/** The second module: places are gathered in a few nodes, which see each other, and spread again. No residual, as published. */
export class LatentGraph {
  readonly #state: Conv2d;
  readonly #gather: Conv2d;
  readonly #graph: GraphConvolution;
  readonly #extend: Conv2d;
  readonly #norm: BatchNorm;

  constructor(params: Params, channels: number, nodes: number) {
    const biased = { kernel: 1, bias: true, biasInit: pytorchInit(channels).biasInit };
    // kaiming_normal_(mode="fan_out").
    const spread = (outputs: number) => ({ init: { std: Math.sqrt(2 / outputs) } });
    this.#state = new Conv2d(params.at("conv_state"), channels, channels, { ...biased, ...spread(channels) });
    this.#gather = new Conv2d(params.at("conv_proj"), channels, nodes, { ...biased, ...spread(nodes) });
    this.#graph = new GraphConvolution(params.at("gcn"), channels, channels);
    this.#extend = new Conv2d(params.at("conv_extend"), channels, channels, { kernel: 1, ...spread(channels) });
    this.#norm = new BatchNorm(params.at("blocker"), channels, { eps: 1e-4 });
  }

  /** `[B, channels, H, W]`, the shape of the result too */
  forward(x: Tensor, training: boolean): Tensor {
    const weights = this.#gather.forward(x).flatten(2);
    const nodes = weights.matmul(this.#state.forward(x).flatten(2).transpose(1, 2));
    const seen = this.#graph.forward(nodes).transpose(1, 2).matmul(weights);
    return this.#norm.forward(this.#extend.forward(seen.reshape(...x.shape)), training);
  }
}

/** Of two places of a grid of so many rows and columns, the square of how far apart they are along an axis, `[places, places]`. */
function squaredDistances(rows: number, columns: number, along: "rows" | "columns"): Float32Array {
  const places = rows * columns;
  const at = (place: number): number => (along === "rows" ? Math.floor(place / columns) : place % columns);
  return Float32Array.from({ length: places ** 2 }, (_, i) => (at(Math.floor(i / places)) - at(i % places)) ** 2);
}

/**
 * How near two places are: the largest distance of a place less theirs, rows summing to 1.
 *
 * @param grid rows and columns of the places
 * @param aspect `[B]`, a picture's width over its height
 * @param stretch the distances along which axis are times the aspect
 * @returns `[B, places, places]`
 */
export function nearness(
  grid: readonly [rows: number, columns: number],
  aspect: Tensor,
  stretch: "rows" | "columns",
): Tensor {
  const places = grid[0] * grid[1];
  const [stretched, plain] = [stretch, stretch === "rows" ? "columns" : "rows"] as const;
  return noGrad(() =>
    scope(() => {
      const along = (axis: "rows" | "columns"): Tensor =>
        fromTypedArray(squaredDistances(...grid, axis), [places, places], { device: aspect.device });
      const scale = aspect.to("float32").view(-1, 1, 1);
      const apart = along(stretched).mul(scale.mul(scale)).add(along(plain)).sqrt();
      const near = apart.amax([2], true).sub(apart);
      return near.div(near.sum(2, true).add(1e-8));
    }),
  );
}
