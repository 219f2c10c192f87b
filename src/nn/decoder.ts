/**
 * The decoder of LLaMA and Qwen2: embedding, pre-norm layers with rotary attention and a gated MLP, norm, head; mPLUG-Owl2's, whose
 * norms, keys and values have a second set of weights for pictures; and Qwen3.5's, most of whose layers have a Gated DeltaNet in the
 * place of attention.
 */
import { ACTIVATIONS, type ActivationName } from "./activations.js";
import { attention, placeTokens, type Visibility } from "./attention.js";
import { GatedDeltaNet, type DeltaNetConfig } from "./delta-net.js";
import { KvCache } from "./kv-cache.js";
import { Linear } from "./linear.js";
import { MultiwayLinear, MultiwayNorm, routeOfRows, sortRows, type Route } from "./multiway.js";
import { CenteredRmsNorm, RmsNorm } from "./norm.js";
import { paddingOf, type Padding } from "./padding.js";
import type { Init, Params } from "./params.js";
import { segment } from "./recompute.js";
import { applyRope, dynamicFrequencies, inverseFrequencies, ropeTable, type DynamicRope, type Rope } from "./rope.js";
import { VocabularyMatrix } from "./vocabulary.js";
import { aten, fromTypedArray, type DType, type Tensor } from "../torch/index.js";

const indexAdd = aten("index_add");

/** Sizes and switches, in the field's terms. */
export interface DecoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly normEps: number;
  readonly ropeTheta: number;
  /** Frequencies that change with the length of the sequence; default: they do not. */
  readonly dynamicRope?: DynamicRope | undefined;
  readonly activation: ActivationName;
  /** Biases of q, k and v (Qwen2: true), and of the attention's output (LLaMA with `attention_bias`: both). */
  readonly attentionBias: boolean;
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  /** RMSNorm of each head's query and key before they are rotated, with one weight for all heads (Qwen3); default: none. */
  readonly qkNorm?: boolean;
  /** The attention's output is multiplied by the sigmoid of a gate, whose rows follow each head's query in q_proj (Qwen3.5). */
  readonly outputGate?: boolean;
  /** Elements of a head that are rotated, the first ones; default: all. */
  readonly rotaryDim?: number;
  /** Norms are {@link CenteredRmsNorm}. */
  readonly centeredNorms?: boolean;
  /** What mixes the tokens in each layer; default: attention in all. */
  readonly mixers?: readonly Mixer[];
  /** Sizes of the layers with a Gated DeltaNet. */
  readonly deltaNet?: DeltaNetConfig | undefined;
  /** The head is the embedding. */
  readonly tied: boolean;
  /** Two sets of weights in the layers' norms, k and v; default: one. See {@link DecoderOptions.route}. */
  readonly multiway?: boolean;
}

/** What mixes the tokens of a layer. */
export type Mixer = "attention" | "delta-net";

/** A module that may have two sets of weights. */
interface Routed {
  forward(x: Tensor, route?: Route): Tensor;
}

/** What the layers of a forward share. */
interface Pass {
  /** `[batch, T]` */
  readonly shape: readonly [number, number];
  readonly rope: Rope;
  readonly sees: Visibility;
  readonly cache: KvCache | undefined;
  readonly route: Route | undefined;
  /** For layers that run along the tokens. */
  readonly padding: Padding | undefined;
  readonly mark: number | undefined;
  /** `[rows]` int64: the flat positions that this layer must return; undefined: all. */
  readonly rows?: Tensor | undefined;
}

/** The flat positions `rows` of `[batch, T, size]`, `[rows, size]`; all where `rows` is undefined. */
function pick(x: Tensor, rows: Tensor | undefined): Tensor {
  return rows ? x.flatten(0, 1).indexSelect(0, rows) : x;
}

/** `[batch, T, size]` with `rows` added at the flat positions `at`. */
function addRows(x: Tensor, at: Tensor, rows: Tensor): Tensor {
  return indexAdd(x.flatten(0, 1), 0, at, rows.to(x.dtype)).view(...x.shape);
}

/** Projections into the residual stream are initialised smaller, so that its scale does not grow with depth. */
function residual(inputs: number, layers: number): Init {
  return { std: (inputs * 2 * layers) ** -0.5 };
}

type Norm = RmsNorm | CenteredRmsNorm;

class Attention {
  readonly q: Linear;
  readonly k: Routed;
  readonly v: Routed;
  readonly o: Linear;
  readonly #qNorm: Norm | undefined;
  readonly #kNorm: Norm | undefined;

  constructor(
    params: Params,
    private readonly config: DecoderConfig,
    private readonly layer: number,
  ) {
    const { hiddenSize, heads, kvHeads, headDim, attentionBias: bias, outputBias, normEps } = config;
    const queries = heads * headDim * (config.outputGate ? 2 : 1);
    this.q = new Linear(params.at("q_proj"), hiddenSize, queries, { bias });
    const KeyOrValue = config.multiway ? MultiwayLinear : Linear;
    this.k = new KeyOrValue(params.at("k_proj"), hiddenSize, kvHeads * headDim, { bias });
    this.v = new KeyOrValue(params.at("v_proj"), hiddenSize, kvHeads * headDim, { bias });
    const init = residual(heads * headDim, config.layers);
    this.o = new Linear(params.at("o_proj"), heads * headDim, hiddenSize, { bias: outputBias, init });
    const Norm = config.centeredNorms ? CenteredRmsNorm : RmsNorm;
    const norm = (name: string) => (config.qkNorm ? new Norm(params.at(name), headDim, normEps) : undefined);
    this.#qNorm = norm("q_norm");
    this.#kNorm = norm("k_norm");
  }

  forward(x: Tensor, { shape, rope, sees, cache, route, rows: wanted }: Pass): Tensor {
    const { heads, kvHeads, headDim, outputGate } = this.config;
    const split = (y: Tensor, count: number): Tensor => y.view(...shape, count, headDim);
    const rotated = (y: Tensor, norm?: Norm): Tensor => applyRope(norm ? norm.forward(y) : y, rope).transpose(1, 2);
    const rows = route ? sortRows(x, route) : x;
    const asked = split(this.q.forward(x), outputGate ? 2 * heads : heads);
    const [queries, gate] = outputGate ? halves(asked, heads) : [asked];
    const q = rotated(queries, this.#qNorm);
    let k = rotated(split(this.k.forward(rows, route), kvHeads), this.#kNorm);
    let v = split(this.v.forward(rows, route), kvHeads).transpose(1, 2);
    if (cache) ({ k, v } = cache.append(this.layer, k, v));
    const attended = pick(attention(q, k, v, sees, heads !== kvHeads), wanted);
    return this.o.forward(gate ? attended.mul(pick(gate.flatten(2, 3), wanted).sigmoid()) : attended);
  }
}

/** Each head's query and gate, `[batch, T, heads, headDim]` both, of `[batch, T, 2 * heads, headDim]`. */
function halves(x: Tensor, heads: number): [Tensor, Tensor] {
  const [batch = 0, T = 0, , size = 0] = x.shape;
  const pairs = x.view(batch, T, heads, 2, size);
  return [pairs.select(3, 0), pairs.select(3, 1)];
}

class GatedMlp {
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;

  constructor(
    params: Params,
    private readonly config: DecoderConfig,
  ) {
    const { hiddenSize, intermediateSize, mlpBias: bias, layers } = config;
    this.gate = new Linear(params.at("gate_proj"), hiddenSize, intermediateSize, { bias });
    this.up = new Linear(params.at("up_proj"), hiddenSize, intermediateSize, { bias });
    const init = residual(intermediateSize, layers);
    this.down = new Linear(params.at("down_proj"), intermediateSize, hiddenSize, { bias, init });
  }

  forward(x: Tensor): Tensor {
    return this.down.forward(ACTIVATIONS[this.config.activation](this.gate.forward(x)).mul(this.up.forward(x)));
  }
}

/** What mixes the tokens of a layer, as a function of its input. */
function mixerOf(params: Params, config: DecoderConfig, layer: number): (x: Tensor, pass: Pass) => Tensor {
  const { mixers, deltaNet, hiddenSize, normEps: eps, layers } = config;
  if (mixers?.[layer] !== "delta-net" || !deltaNet) {
    const own = new Attention(params.at("self_attn"), config, layer);
    return (x, pass) => own.forward(x, pass);
  }
  const init = residual(deltaNet.valueHeads * deltaNet.valueDim, layers);
  const own = new GatedDeltaNet(params.at("linear_attn"), hiddenSize, deltaNet, layer, { eps, init });
  return (x, { cache, rows, ...pass }) => own.forward(x, { ...pass, states: cache?.states }, (y) => pick(y, rows));
}

class DecoderLayer {
  readonly norm1: Routed;
  readonly mixer: (x: Tensor, pass: Pass) => Tensor;
  readonly norm2: Routed;
  readonly mlp: GatedMlp;

  constructor(params: Params, config: DecoderConfig, layer: number) {
    const Norm = config.multiway ? MultiwayNorm : config.centeredNorms ? CenteredRmsNorm : RmsNorm;
    this.norm1 = new Norm(params.at("input_layernorm"), config.hiddenSize, config.normEps);
    this.mixer = mixerOf(params, config, layer);
    this.norm2 = new Norm(params.at("post_attention_layernorm"), config.hiddenSize, config.normEps);
    this.mlp = new GatedMlp(params.at("mlp"), config);
  }

  forward(x: Tensor, pass: Pass): Tensor {
    const { route, rows } = pass;
    const wanted = rows && route ? routeOfRows(route, rows) : route;
    return segment(x, (input) => {
      const attended = pick(input, rows).add(this.mixer(this.norm1.forward(input, route), pass));
      return attended.add(this.mlp.forward(this.norm2.forward(attended, wanted)));
    });
  }
}

/** Rows that are added to the hidden states of some tokens after the first layers (DeepStack, arXiv 2406.04334). */
export interface AddedRows {
  /** `[rows]` int64, on the decoder's device: the flat positions `b * T + t` of those tokens. */
  readonly at: Tensor;
  /** `[rows, hiddenSize]` each: the first after the first layer, and so on; more than there are layers are not used. */
  readonly after: readonly Tensor[];
}

/** Optional inputs of a forward besides the embeddings. */
export interface DecoderOptions {
  /** `[batch, T]`, 1 = real: of the new tokens only. */
  readonly attentionMask?: Tensor | undefined;
  readonly cache?: KvCache | undefined;
  /** Rotary factors where position ids are not consecutive (M-RoPE). */
  readonly rope?: Rope;
  /** Which of the new tokens use the second set of weights, in a `multiway` decoder; undefined: none. */
  readonly route?: Route | undefined;
  /** Flat positions `b * T + t` of the new tokens whose hidden states are wanted; default: all. */
  readonly rows?: readonly number[] | undefined;
  /** Tokens of this forward behind which a cache is to be rewound, which not all layers can without knowing; default: none. */
  readonly mark?: number | undefined;
  /** Rows added to what the first layers give; default: none. */
  readonly added?: AddedRows | undefined;
  /** Called with the input of every layer and, last, the output of the final norm. */
  readonly onHidden?: (hidden: Tensor) => void;
}

export class Decoder {
  readonly vocabulary: VocabularyMatrix;
  readonly layers: readonly DecoderLayer[];
  readonly norm: Norm;
  readonly #runsAlong: boolean;
  readonly #frequencies: Float32Array;

  /**
   * @param body where `embed_tokens`, `layers` and `norm` are
   * @param head where `lm_head` is
   */
  constructor(
    body: Params,
    head: Params,
    private readonly config: DecoderConfig,
  ) {
    const { vocabSize, hiddenSize, tied } = config;
    this.vocabulary = new VocabularyMatrix(body.at("embed_tokens"), head.at("lm_head"), vocabSize, hiddenSize, tied);
    this.layers = Array.from({ length: config.layers }, (_, i) => new DecoderLayer(body.at("layers", i), config, i));
    const Norm = config.centeredNorms ? CenteredRmsNorm : RmsNorm;
    this.norm = new Norm(body.at("norm"), hiddenSize, config.normEps);
    this.#runsAlong = config.mixers?.includes("delta-net") ?? false;
    this.#frequencies = inverseFrequencies(this.#rotated, config.ropeTheta);
  }

  /**
   * Hidden states after the final norm, `[batch, T, hiddenSize]` or `[rows, hiddenSize]`. One function for prefill and
   * step: with a cache, `embeddings` are only those of the new tokens.
   *
   * @param embeddings `[batch, T, hiddenSize]`
   */
  forward(embeddings: Tensor, options: DecoderOptions = {}): Tensor {
    const { attentionMask, cache, route, mark, onHidden } = options;
    const [batch = 0, T = 0] = embeddings.shape;
    const { dtype, device } = embeddings;
    const turns = (positions: Tensor): Rope => this.#turns(positions, (cache?.length ?? 0) + T, dtype);
    const steps = { dtype, device, turns: (positions: Tensor) => this.#stepTurns(positions, dtype) };
    const step = options.rope ? undefined : cache?.beginStep(T, attentionMask, steps);
    if (!step) cache?.checkRoom(T);
    const placement =
      step ?? placeTokens([batch, T], attentionMask, cache ?? { length: 0, real: null }, { dtype, device });
    const rope = options.rope ?? step?.rope ?? turns(placement.positions);
    const place = { cached: cache !== undefined, continues: (cache?.length ?? 0) > 0, dtype, device };
    const padding = this.#runsAlong ? paddingOf(attentionMask, place) : undefined;
    // Where rows are put in another order, what is behind so many tokens is not behind so many of each.
    const kept = padding?.packed?.order ? undefined : mark;
    const pass = { shape: [batch, T], rope, sees: placement, cache, route, padding, mark: kept } as const;
    const rows =
      options.rows && fromTypedArray(BigInt64Array.from(options.rows, BigInt), [options.rows.length], { device });
    const after = options.added?.after ?? [];
    // Later tokens use the keys and values of all tokens up to here; after the last layer's attention only the
    // requested rows matter, unless others are added to.
    const cutting = after.length < this.layers.length ? this.layers.at(-1) : undefined;
    let hidden = embeddings;
    for (const [i, layer] of this.layers.entries()) {
      onHidden?.(hidden);
      hidden = layer.forward(hidden, layer === cutting ? { ...pass, rows } : pass);
      const more = after[i];
      if (options.added && more) hidden = addRows(hidden, options.added.at, more);
    }
    cache?.advance(T, placement.real, kept);
    const normed = this.norm.forward(cutting ? hidden : pick(hidden, rows));
    onHidden?.(normed);
    return normed;
  }

  /** @param most tokens that the sequences have at most, padding included */
  #turns(positions: Tensor, most: number, dtype: DType): Rope {
    const { dynamicRope, ropeTheta: theta } = this.config;
    if (!dynamicRope || most <= dynamicRope.positions) return ropeTable(positions, this.#frequencies, dtype);
    const longest = Math.max(...positions.flatten().toNumbers()) + 1;
    return ropeTable(positions, dynamicFrequencies(this.#rotated, theta, dynamicRope, longest), dtype);
  }

  /** Of the positions `[1, capacity]` from 0 on, each as the last one of a sequence: recorded, a step asks for no length. */
  #stepTurns(positions: Tensor, dtype: DType): Rope {
    const { dynamicRope, ropeTheta: theta } = this.config;
    const T = positions.size(1);
    if (!dynamicRope || T <= dynamicRope.positions) return ropeTable(positions, this.#frequencies, dtype);
    const size = this.#rotated / 2;
    const all = new Float32Array(T * size);
    for (let at = 0; at < T; at++) {
      const isLong = at >= dynamicRope.positions;
      all.set(isLong ? dynamicFrequencies(2 * size, theta, dynamicRope, at + 1) : this.#frequencies, at * size);
    }
    return ropeTable(positions, all, dtype, true);
  }

  /** Elements of a head that are rotated. */
  get #rotated(): number {
    return this.config.rotaryDim ?? this.config.headDim;
  }
}
