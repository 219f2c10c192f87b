/** MAINet's transformer: the places of three sizes of a picture in one sequence, layers whose norms come last. */
import { Conv2d, LayerNorm, Linear, segment, type Params } from "../../nn/index.js";
import { aten, cat, fromTypedArray, type Tensor } from "../../torch/index.js";
import { pytorchInit, spreadShares } from "../common/initial.js";
import type { EncoderSizes } from "./config.js";

const dropout = aten("dropout");
const linear = aten("linear");

/** Of every norm. */
const EPS = 1e-12;

/** Names of what is added to the places of each size, the largest picture first. */
const SIZES = ["scale_org_embedding", "ref_1_embedding", "ref_2_embedding"] as const;

class Attention {
  readonly #queries: Linear;
  readonly #keys: Linear;
  readonly #values: Linear;
  readonly #out: Linear;

  constructor(
    params: Params,
    private readonly sizes: EncoderSizes,
  ) {
    const { hidden, heads, headSize } = sizes;
    const map = (name: string, inputs: number, outputs: number): Linear =>
      new Linear(params.at(name), inputs, outputs, { bias: true, ...pytorchInit(inputs) });
    const inside = heads * headSize;
    this.#queries = map("W_Q", hidden, inside);
    this.#keys = map("W_K", hidden, inside);
    this.#values = map("W_V", hidden, inside);
    this.#out = map("linear", inside, hidden);
  }

  /** `[B, T, hidden]`, the shape of the result too */
  forward(x: Tensor, training: boolean): Tensor {
    const { heads, headSize, dropout: share } = this.sizes;
    const [batch, length] = x.shape as [number, number, number];
    const [q, k, v] = [this.#queries, this.#keys, this.#values].map((map) =>
      map.forward(x).view(batch, length, heads, headSize).transpose(1, 2),
    ) as [Tensor, Tensor, Tensor];
    const weights = q
      .matmul(k.transpose(2, 3))
      .mul(headSize ** -0.5)
      .softmax(3);
    const seen = dropout(weights, share, training)
      .matmul(v)
      .transpose(1, 2)
      .reshape(batch, length, heads * headSize);
    return dropout(this.#out.forward(seen), share, training);
  }
}

/** A linear map that the authors' files have as a convolution of length 1. */
class PointMap {
  readonly #weight: Tensor;
  readonly #bias: Tensor;

  constructor(params: Params, inputs: number, outputs: number) {
    const { init, biasInit } = pytorchInit(inputs);
    this.#weight = params.get("weight", [outputs, inputs, 1], init);
    this.#bias = params.get("bias", [outputs], biasInit);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.#weight.squeeze(2), this.#bias);
  }
}

class Layer {
  readonly #attention: Attention;
  readonly #first: LayerNorm;
  readonly #wide: PointMap;
  readonly #narrow: PointMap;
  readonly #second: LayerNorm;

  constructor(
    params: Params,
    private readonly sizes: EncoderSizes,
  ) {
    const { hidden, feedForward } = sizes;
    this.#attention = new Attention(params.at("self_attn"), sizes);
    this.#first = new LayerNorm(params.at("layer_norm1"), hidden, EPS);
    this.#wide = new PointMap(params.at("pos_ffn.conv1"), hidden, feedForward);
    this.#narrow = new PointMap(params.at("pos_ffn.conv2"), feedForward, hidden);
    this.#second = new LayerNorm(params.at("layer_norm2"), hidden, EPS);
  }

  forward(x: Tensor, training: boolean): Tensor {
    return segment(x, (input) => {
      const y = this.#first.forward(input.add(this.#attention.forward(input, training)));
      const z = this.#narrow.forward(this.#wide.forward(y).gelu());
      return this.#second.forward(dropout(z, this.sizes.dropout, training).add(y));
    });
  }
}

export class Encoder {
  readonly #embed: Conv2d;
  readonly #sizes: readonly Tensor[];
  readonly #positions: Tensor;
  readonly #first: Tensor;
  readonly #layers: readonly Layer[];

  /** @param channels of the feature maps */
  constructor(
    params: Params,
    channels: number,
    private readonly sizes: EncoderSizes,
  ) {
    const { hidden, grid, layers } = sizes;
    this.#embed = new Conv2d(params.at("conv_enc"), channels, hidden, {
      kernel: 1,
      bias: true,
      ...pytorchInit(channels),
    });
    const own = params.at("transformer.encoder");
    // The first two are drawn from 0 to 1, the third from a normal distribution.
    const spread = { table: () => spreadShares(hidden) };
    this.#sizes = SIZES.map((name, i) => own.get(name, [1, hidden, 1, 1], i < 2 ? spread : { std: 1 }));
    this.#positions = own.get("pos_embedding", [1, grid, grid, hidden], { std: 1 });
    this.#first = own.get("cls_token", [1, 1, hidden], { std: 1 });
    this.#layers = Array.from({ length: layers }, (_, i) => new Layer(own.at("layers", i), sizes));
  }

  /**
   * @param maps `[B, channels, H, W]` of each size
   * @returns `[B, hidden]`, what the sequence's own first place saw
   */
  forward(maps: readonly Tensor[], training: boolean): Tensor {
    const batch = (maps[0] as Tensor).size(0);
    const places = maps.map((map, i) =>
      this.#embed
        .forward(map)
        .add(this.#sizes[i] as Tensor)
        .flatten(2)
        .transpose(1, 2)
        .add(this.#positionsOf(map)),
    );
    const x = cat([this.#first.expand(batch, 1, this.sizes.hidden), ...places], 1);
    const start = dropout(x, this.sizes.dropout, training);
    return this.#layers.reduce((y, layer) => layer.forward(y, training), start).select(1, 0);
  }

  /** Of each place of a map the table's entry at the same share of height and width, `[H * W, hidden]`. */
  #positionsOf(map: Tensor): Tensor {
    const { grid, hidden } = this.sizes;
    const [height, width] = [map.size(2), map.size(3)];
    const along = (at: number, length: number): number => Math.trunc((at / length) * grid);
    const indices = BigInt64Array.from({ length: height * width }, (_, i) =>
      BigInt(along(Math.floor(i / width), height) * grid + along(i % width, width)),
    );
    const index = fromTypedArray(indices, [height * width], { device: map.device });
    return this.#positions.view(grid * grid, hidden).indexSelect(0, index);
  }
}
