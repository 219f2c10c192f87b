/**
 * Modules with one set of weights for text and one for images: the modality-adaptive parts of mPLUG-Owl2's decoder
 * (arXiv 2311.04257, section 3.3). Both sets are parameters below `multiway.0` and `multiway.1`.
 */
import { cat, fromTypedArray, uploaded, type Tensor } from "../torch/index.js";
import { positionsOf } from "./image-features.js";
import { Linear } from "./linear.js";
import { RmsNorm } from "./norm.js";
import type { Params } from "./params.js";

/** Which rows of a forward use set 1; without a route, every row uses set 0. */
export interface Route {
  /** `[batch, T, 1]` bool */
  readonly second: Tensor;
  /** Number of rows that use set 0. */
  readonly firstRows: number;
  /** `[batch * T]` int64: the rows of set 0, then those of set 1, each in row-major order. */
  readonly sorted: Tensor;
  /** The inverse permutation: the position of a row in that order. */
  readonly inverse: Tensor;
}

/**
 * @param second `[batch, T]` bool, true where set 1 is used. Read here: on the CPU, nothing waits for a GPU
 * @param device that the rows are on
 */
export function makeRoute(second: Tensor, device: string): Route {
  const rows = [...positionsOf(second.logicalNot()), ...positionsOf(second)];
  const inverse = new BigInt64Array(rows.length);
  for (const [at, row] of rows.entries()) inverse[Number(row)] = BigInt(at);
  const firstRows = rows.length - positionsOf(second).length;
  const here = (values: BigInt64Array): Tensor => fromTypedArray(values, [rows.length], { device });
  const marks = uploaded(second.unsqueeze(-1), { device });
  return { second: marks, firstRows, sorted: here(BigInt64Array.from(rows)), inverse: here(inverse) };
}

/** The route for the flat positions `rows` only, for norms. */
export function routeOfRows(route: Route, rows: Tensor): Route {
  return { ...route, second: route.second.flatten(0, 1).indexSelect(0, rows) };
}

/** `[batch, T, size]` to `[batch * T, size]` in the order that {@link MultiwayLinear} takes. */
export function sortRows(x: Tensor, { sorted }: Route): Tensor {
  return x.flatten(0, 1).indexSelect(0, sorted);
}

/** Two RMSNorms: all rows are normalised together, each scaled by the weight of its set. */
export class MultiwayNorm {
  readonly #ways: readonly [RmsNorm, RmsNorm];

  constructor(params: Params, size: number, eps: number) {
    const [first, second] = bothWays(params);
    this.#ways = [new RmsNorm(first, size, eps), new RmsNorm(second, size, eps)];
  }

  /** `[batch, T, size]`, the shape of the result too */
  forward(x: Tensor, route?: Route): Tensor {
    const [first, second] = this.#ways;
    if (!route) return first.forward(x);
    return first.normalize(x).mul(second.weight.where(route.second, first.weight));
  }
}

/** Two linear layers, each run on its own rows only. */
export class MultiwayLinear {
  readonly #ways: readonly [Linear, Linear];

  constructor(params: Params, inputs: number, outputs: number, options: ConstructorParameters<typeof Linear>[3]) {
    const [first, second] = bothWays(params);
    this.#ways = [new Linear(first, inputs, outputs, options), new Linear(second, inputs, outputs, options)];
  }

  /** @param x with a route: of {@link sortRows}; the result is `[batch * T, outputs]` in row-major order again */
  forward(x: Tensor, route?: Route): Tensor {
    const [first, second] = this.#ways;
    if (!route) return first.forward(x);
    const { firstRows, inverse } = route;
    const parts = [first.forward(x.narrow(0, 0, firstRows)), second.forward(x.slice(0, firstRows))];
    return cat(parts, 0).indexSelect(0, inverse);
  }
}

function bothWays(params: Params): readonly [Params, Params] {
  return [params.at("multiway", 0), params.at("multiway", 1)];
}
