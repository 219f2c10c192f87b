/**
 * mPLUG-Owl2's visual abstractor: learned queries that look at the vision tower's rows, layer by layer, and become the
 * rows of a picture in the language model's sequence (arXiv 2311.04257, section 3.2; names of the reference).
 */
import { attention, LayerNorm, Linear, SEES_ALL, type Init, type Params } from "../../nn/index.js";
import { cat, type Tensor } from "../../torch/index.js";
import type { AbstractorConfig } from "./config.js";
import { patchPositions, queryPositions } from "./positions.js";

/** PyTorch's default, which the reference leaves its outer norms with; only the one inside the MLP has the config's. */
const OUTER_EPS = 1e-5;

/** Of fresh queries and of the closing row, that of transformers' `initializer_range`. */
const STD = 0.02;

/** The tables of places as parameters start: every layer has its own, all alike. */
interface Positions {
  readonly queries: Init;
  readonly patches: Init;
}

class CrossAttention {
  readonly #query: Linear;
  readonly #key: Linear;
  readonly #value: Linear;
  readonly #queryPositions: Tensor;
  readonly #patchPositions: Tensor;

  constructor(
    params: Params,
    positions: Positions,
    private readonly config: AbstractorConfig,
  ) {
    const { hiddenSize: size, queries, grid } = config;
    this.#query = new Linear(params.at("query"), size, size, { bias: true });
    this.#key = new Linear(params.at("key"), size, size, { bias: true });
    this.#value = new Linear(params.at("value"), size, size, { bias: true });
    this.#queryPositions = params.get("q_pos_embed", [queries, size], positions.queries);
    this.#patchPositions = params.get("k_pos_embed", [1 + grid * grid, size], positions.patches);
  }

  /** @param queries `[images, queries, hiddenSize]`, as what is returned; `rows`: they and the picture's behind them */
  forward(queries: Tensor, rows: Tensor): Tensor {
    const { heads, hiddenSize } = this.config;
    // The tables are fixed: no gradient reaches them.
    const ofQueries = this.#queryPositions.detach().to(rows.dtype);
    const ofRows = cat([ofQueries, this.#patchPositions.detach().to(rows.dtype)], 0);
    const split = (x: Tensor): Tensor => x.view(x.size(0), x.size(1), heads, hiddenSize / heads).transpose(1, 2);
    const q = split(this.#query.forward(queries.add(ofQueries)));
    const k = split(this.#key.forward(rows.add(ofRows)));
    // The values know no places.
    return attention(q, k, split(this.#value.forward(rows)), SEES_ALL, false);
  }
}

class GatedMlp {
  readonly #gate: Linear;
  readonly #up: Linear;
  readonly #norm: LayerNorm;
  readonly #down: Linear;

  constructor(params: Params, { hiddenSize: size, intermediateSize: inner, innerNormEps, layers }: AbstractorConfig) {
    this.#gate = new Linear(params.at("w1"), size, inner, { bias: true });
    this.#up = new Linear(params.at("w3"), size, inner, { bias: true });
    this.#norm = new LayerNorm(params.at("ffn_ln"), inner, innerNormEps);
    this.#down = new Linear(params.at("w2"), inner, size, { bias: true, init: { std: (inner * 2 * layers) ** -0.5 } });
  }

  forward(x: Tensor): Tensor {
    return this.#down.forward(this.#norm.forward(this.#gate.forward(x).silu().mul(this.#up.forward(x))));
  }
}

class AbstractorLayer {
  readonly #queryNorm: LayerNorm;
  readonly #rowNorm: LayerNorm;
  readonly #attention: CrossAttention;
  readonly #out: Linear;
  readonly #mlpNorm: LayerNorm;
  readonly #mlp: GatedMlp;

  constructor(params: Params, positions: Positions, config: AbstractorConfig) {
    const { hiddenSize: size, layers } = config;
    const output = params.at("output");
    this.#queryNorm = new LayerNorm(params.at("norm1"), size, OUTER_EPS);
    this.#rowNorm = new LayerNorm(params.at("normk"), size, OUTER_EPS);
    this.#attention = new CrossAttention(params.at("attention"), positions, config);
    const init = { std: (size * 2 * layers) ** -0.5 };
    this.#out = new Linear(output.at("out_proj"), size, size, { bias: true, init });
    this.#mlpNorm = new LayerNorm(output.at("norm2"), size, OUTER_EPS);
    this.#mlp = new GatedMlp(output.at("mlp"), config);
  }

  /** @param queries `[images, queries, hiddenSize]`, as what is returned; `picture`: `[images, 1 + patches, hiddenSize]` */
  forward(queries: Tensor, picture: Tensor): Tensor {
    const normed = this.#queryNorm.forward(queries);
    const rows = cat([normed, this.#rowNorm.forward(picture)], 1);
    // The residual is the normalised query, not the query itself.
    const attended = normed.add(this.#out.forward(this.#attention.forward(normed, rows)));
    return attended.add(this.#mlp.forward(this.#mlpNorm.forward(attended)));
  }
}

export class Abstractor {
  readonly #queries: Tensor;
  readonly #layers: readonly AbstractorLayer[];
  readonly #project: Linear;
  readonly #closing: Tensor;

  constructor(
    params: Params,
    private readonly config: AbstractorConfig,
  ) {
    const { queries, hiddenSize, layers, grid, outputSize } = config;
    this.#queries = params.get("query_embeds", [1, queries, hiddenSize], { std: STD });
    const positions = {
      queries: { table: once(() => queryPositions(queries, hiddenSize)) },
      patches: { table: once(() => patchPositions(grid, hiddenSize)) },
    };
    const at = (layer: number): Params => params.at("encoder", "layers", layer, "crossattention");
    this.#layers = Array.from({ length: layers }, (_, i) => new AbstractorLayer(at(i), positions, config));
    this.#project = new Linear(params.at("visual_fc"), hiddenSize, outputSize, { bias: true });
    this.#closing = params.get("vit_eos", [1, 1, outputSize], { std: STD });
  }

  /**
   * @param picture `[images, 1 + patches, hiddenSize]`
   * @returns `[images, queries + 1, outputSize]`
   */
  forward(picture: Tensor): Tensor {
    const images = picture.size(0);
    let queries = this.#queries.expand(images, this.config.queries, this.config.hiddenSize).to(picture.dtype);
    for (const layer of this.#layers) queries = layer.forward(queries, picture);
    const closing = this.#closing.expand(images, 1, this.config.outputSize).to(picture.dtype);
    return cat([this.#project.forward(queries), closing], 1);
  }
}

function once(compute: () => Float32Array): () => Float32Array {
  let computed: Float32Array | undefined;
  return () => (computed ??= compute());
}
