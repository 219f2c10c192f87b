/** Layers of src/nn as nodes of an ONNX graph, for one picture: rows `[rows, size]` in, rows out. */
import type { ActivationName } from "../nn/index.js";
import { fromTypedArray, scope, type Tensor } from "../torch/index.js";
import { bytesOf, type Graph, type Value } from "./graph.js";

/** A model's parameters by the names that its code gives them. */
export type Parameters = (name: string) => Tensor;

/** Token ids as a tensor. */
export function idTensor(ids: readonly number[]): Tensor {
  return fromTypedArray(BigInt64Array.from(ids, BigInt), [ids.length]);
}

/** What hides a key from a query when it is added to their product: its share is 0 in float32. */
const HIDDEN = -1e30;

const ACTIVATIONS: Readonly<Record<ActivationName, (layers: Layers, x: Value) => Value>> = {
  gelu: (layers, x) => layers.gelu(x),
  gelu_new: (layers, x) => layers.tanhGelu(x),
  gelu_pytorch_tanh: (layers, x) => layers.tanhGelu(x),
  quick_gelu: ({ graph, scaled }, x) => graph.node("Mul", [x, graph.node("Sigmoid", [scaled(x, 1.702)])]),
  relu: ({ graph }, x) => graph.node("Relu", [x]),
  silu: ({ graph }, x) => graph.node("Mul", [x, graph.node("Sigmoid", [x])]),
};

/** Sizes of an attention. */
export interface Heads {
  readonly heads: number;
  /** Of keys and values; several heads share one where there are fewer. */
  readonly kvHeads: number;
  readonly headDim: number;
}

export class Layers {
  readonly #numbers = new Map<number, Value>();

  constructor(
    readonly graph: Graph,
    readonly parameters: Parameters,
  ) {}

  /** A parameter, or one made of it, in float16 where that loses nothing: half the file. */
  weight(tensor: Tensor): Value {
    const { shape } = tensor;
    return scope(() => {
      const values = tensor.toFloat32Array();
      const half = tensor.to("float16");
      const back = half.toFloat32Array();
      if (values.some((value, i) => value !== back[i])) return this.graph.constant("float32", shape, bytesOf(values));
      return this.graph.node("Cast", [this.graph.constant("float16", shape, bytesOf(half.toArray()))], { to: 1 });
    });
  }

  parameter(name: string): Value {
    return this.weight(this.parameters(name));
  }

  /** `x Wᵀ + b` */
  linear(x: Value, name: string, bias: boolean): Value {
    const inputs = [x, this.parameter(`${name}.weight`), ...(bias ? [this.parameter(`${name}.bias`)] : [])];
    return this.graph.node("Gemm", inputs, { transB: 1 });
  }

  activate(x: Value, activation: ActivationName): Value {
    return ACTIVATIONS[activation](this, x);
  }

  layerNorm(x: Value, name: string, epsilon: number): Value {
    const inputs = [x, this.parameter(`${name}.weight`), this.parameter(`${name}.bias`)];
    return this.graph.node("LayerNormalization", inputs, { axis: -1, epsilon: { float: epsilon } });
  }

  rmsNorm(x: Value, name: string, epsilon: number): Value {
    const { graph } = this;
    const mean = graph.node("ReduceMean", [graph.node("Mul", [x, x])], { axes: [-1], keepdims: 1 });
    const size = graph.node("Sqrt", [graph.node("Add", [mean, this.number(epsilon)])]);
    return graph.node("Mul", [graph.node("Div", [x, size]), this.parameter(`${name}.weight`)]);
  }

  /** `[rows, heads * headDim]` to `[heads, rows, headDim]`. */
  byHead(x: Value, heads: number, headDim: number): Value {
    return this.graph.transpose(this.graph.reshape(x, [-1, heads, headDim]), [1, 0, 2]);
  }

  /** @param mask what is added to the products `[queries, keys]`; absent: every query sees every key */
  attention(q: Value, k: Value, v: Value, { heads, kvHeads, headDim }: Heads, mask?: Value): Value {
    const { graph } = this;
    const sharing = Array.from({ length: heads }, (_, head) => Math.floor((head * kvHeads) / heads));
    const shared = (x: Value): Value => (heads === kvHeads ? x : graph.gather(x, 0, sharing));
    const products = graph.node("MatMul", [this.scaled(q, headDim ** -0.5), graph.transpose(shared(k), [0, 2, 1])]);
    const seen = mask === undefined ? products : graph.node("Add", [products, mask]);
    const mixed = graph.node("MatMul", [graph.node("Softmax", [seen], { axis: -1 }), shared(v)]);
    return graph.reshape(graph.transpose(mixed, [1, 0, 2]), [-1, heads * headDim]);
  }

  /** What hides later tokens from those at `rows`, `[rows, length]`. */
  causalMask(rows: readonly number[], length: number): Value {
    const values = rows.flatMap((row) => Array.from({ length }, (_, key) => (key > row ? HIDDEN : 0)));
    return this.graph.floats([rows.length, length], values);
  }

  gelu(x: Value): Value {
    const { graph } = this;
    const part = graph.node("Add", [graph.node("Erf", [this.scaled(x, Math.SQRT1_2)]), this.number(1)]);
    return this.scaled(graph.node("Mul", [x, part]), 0.5);
  }

  tanhGelu(x: Value): Value {
    const { graph } = this;
    const cube = graph.node("Mul", [x, graph.node("Mul", [x, x])]);
    const inner = graph.node("Add", [x, this.scaled(cube, 0.044715)]);
    const part = graph.node("Add", [graph.node("Tanh", [this.scaled(inner, Math.sqrt(2 / Math.PI))]), this.number(1)]);
    return this.scaled(graph.node("Mul", [x, part]), 0.5);
  }

  readonly scaled = (x: Value, factor: number): Value => this.graph.node("Mul", [x, this.number(factor)]);

  number(value: number): Value {
    const known = this.#numbers.get(value) ?? this.graph.floats([], [value]);
    this.#numbers.set(value, known);
    return known;
  }
}
