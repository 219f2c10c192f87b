/** Attention within windows, shifted or not, with a bias by distance (Swin's, arXiv 2103.14030), under DAT's names. */
import { Linear, type Params } from "../../nn/index.js";
import { aten, fromTypedArray, type Tensor } from "../../torch/index.js";
import { pytorchInit } from "./initial.js";

const roll = aten("roll");
const chunk = aten("chunk");

/** What parts that a shift brings into one window may see of each other. */
const UNSEEN = -100;

interface WindowShape {
  readonly dim: number;
  readonly heads: number;
  /** Patches along a side of the picture; a multiple of `window`. */
  readonly side: number;
  /** Patches along a side of a window. */
  readonly window: number;
  /** Patches by which windows are moved to the right and down. */
  readonly shift: number;
}

/** For each two places of a window, the row of the table: by how far they lie apart down and across. */
function distances(window: number): BigInt64Array {
  const places = Array.from({ length: window * window }, (_, i) => [Math.floor(i / window), i % window] as const);
  const rows = places.flatMap(([y, x]) =>
    places.map(([v, u]) => BigInt((y - v + window - 1) * (2 * window - 1) + (x - u + window - 1))),
  );
  return BigInt64Array.from(rows);
}

/** Of each window, what is added to the products of its places, `[windows, places, places]`. */
function shiftedMask({ side, window, shift }: WindowShape): Float32Array {
  const part = (at: number): number => (at < side - window ? 0 : at < side - shift ? 1 : 2);
  const places = window * window;
  const perSide = side / window;
  const partAt = (index: number, place: number): number => {
    const y = Math.floor(index / perSide) * window + Math.floor(place / window);
    const x = (index % perSide) * window + (place % window);
    return part(y) * 3 + part(x);
  };
  return Float32Array.from({ length: perSide * perSide * places * places }, (_, i) => {
    const index = Math.floor(i / (places * places));
    const [a, b] = [Math.floor(i / places) % places, i % places];
    return partAt(index, a) === partAt(index, b) ? 0 : UNSEEN;
  });
}

export class WindowAttention {
  readonly #qkv: Linear;
  readonly #out: Linear;
  /** `[(2 window - 1)², heads]` */
  readonly #table: Tensor;
  readonly #distances: BigInt64Array;
  readonly #mask: Float32Array | undefined;

  constructor(
    params: Params,
    private readonly shape: WindowShape,
  ) {
    const { dim, heads, window, shift } = shape;
    const options = { bias: true, ...pytorchInit(dim) };
    this.#qkv = new Linear(params.at("proj_qkv"), dim, 3 * dim, options);
    this.#out = new Linear(params.at("proj_out"), dim, dim, options);
    this.#table = params.get("relative_position_bias_table", [(2 * window - 1) ** 2, heads], { std: 0.01 });
    this.#distances = distances(window);
    this.#mask = shift > 0 ? shiftedMask(shape) : undefined;
  }

  /** `[B, side, side, dim] -> [B, side, side, dim]` */
  forward(x: Tensor): Tensor {
    const { shift } = this.shape;
    if (shift === 0) return this.#windows(x);
    return roll(this.#windows(roll(x, [-shift, -shift], [1, 2])), [shift, shift], [1, 2]);
  }

  #windows(x: Tensor): Tensor {
    const { dim, heads, side, window } = this.shape;
    const [batch, perSide, places] = [x.size(0), side / window, window * window];
    const cut = x.reshape(batch, perSide, window, perSide, window, dim).permute(0, 1, 3, 2, 4, 5);
    const rows = cut.reshape(-1, places, dim);
    const [q, k, v] = chunk(this.#qkv.forward(rows), 3, 2).map((part) =>
      part.reshape(-1, places, heads, dim / heads).transpose(1, 2),
    ) as [Tensor, Tensor, Tensor];
    const products = q.mul((dim / heads) ** -0.5).matmul(k.transpose(2, 3));
    const weights = this.#masked(products.add(this.#bias(x)), batch).softmax(3);
    const seen = weights.matmul(v).transpose(1, 2).reshape(-1, places, dim);
    const back = this.#out.forward(seen).reshape(batch, perSide, perSide, window, window, dim);
    return back.permute(0, 1, 3, 2, 4, 5).reshape(batch, side, side, dim);
  }

  /** `[heads, places, places]` */
  #bias({ device }: Tensor): Tensor {
    const { heads, window } = this.shape;
    const rows = fromTypedArray(this.#distances, [this.#distances.length]).to({ device });
    return this.#table
      .indexSelect(0, rows)
      .reshape(window ** 2, window ** 2, heads)
      .permute(2, 0, 1);
  }

  /** @param products `[B * windows, heads, places, places]` */
  #masked(products: Tensor, batch: number): Tensor {
    if (!this.#mask) return products;
    const { heads, window, side } = this.shape;
    const [places, windows] = [window ** 2, (side / window) ** 2];
    const mask = fromTypedArray(this.#mask, [windows, 1, places, places]).to({ dtype: products.dtype, device: products.device }); // prettier-ignore
    return products.reshape(batch, windows, heads, places, places).add(mask).reshape(-1, heads, places, places);
  }
}
