/**
 * CLIP's tower (arXiv 2103.00020) with its projection, and on the embedding, scaled to length 1, LAION's heads: one linear map
 * (v1: LAION-AI/aesthetic-predictor), or five with dropout (v2: christophschuhmann/improved-aesthetic-predictor).
 */
import { ClipVision } from "../../models/common/clip-vision.js";
import { Linear, type Params } from "../../nn/index.js";
import { aten, type Tensor } from "../../torch/index.js";
import type { LaionConfig } from "./config.js";

const linear = aten("linear");
const dropout = aten("dropout");
const vectorNorm = aten("linalg_vector_norm");

/** Shares of the MLP's first outputs that are zeroed in training, as published; none of the others. */
const DROPOUT: readonly number[] = [0.2, 0.2, 0.1];

export class LaionNetwork {
  readonly #tower: ClipVision;
  readonly #projection: Linear;
  readonly #head: Head;

  constructor(params: Params, config: LaionConfig) {
    const { vision, projection } = config;
    this.#tower = new ClipVision(params.at("vision_model"), vision);
    this.#projection = new Linear(params.at("visual_projection"), vision.hiddenSize, projection, { bias: false });
    this.#head = new Head(params, config);
  }

  /**
   * @param pixels `[B, 3, imageSize, imageSize]`, normalised
   * @returns `score` `[B]`, and the embedding `[B, projection]`, each row of length 1
   */
  forward(pixels: Tensor, training: boolean): { readonly score: Tensor; readonly embedding: Tensor } {
    const embedding = unit(this.#projection.forward(this.#tower.pooled(pixels)));
    return { score: this.#head.forward(embedding, training), embedding };
  }
}

/** Rows scaled to length 1. */
function unit(rows: Tensor): Tensor {
  return rows.div(vectorNorm(rows, 2, [-1], true));
}

/** A map with PyTorch's own initialisation, as both repositories leave it. */
interface Affine {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

class Head {
  readonly #maps: readonly Affine[];

  constructor(
    params: Params,
    private readonly config: LaionConfig,
  ) {
    const { head, projection, sizes } = config;
    const widths = [projection, ...sizes, 1];
    const names = head === "linear" ? ["predictor"] : layerNames(sizes.length + 1, head === "mlp-relu");
    this.#maps = names.map((name, i) => mapOf(params.at(name), widths[i] ?? 0, widths[i + 1] ?? 0));
  }

  /** `[B, projection] -> [B]` */
  forward(embedding: Tensor, training: boolean): Tensor {
    const { head } = this.config;
    let x = embedding;
    for (const [i, { weight, bias }] of this.#maps.entries()) {
      x = linear(x, weight, bias);
      if (i === this.#maps.length - 1) break;
      if (head === "mlp-relu") x = x.relu();
      const share = DROPOUT[i];
      if (training && share !== undefined) x = dropout(x, share, true);
    }
    return x.squeeze(-1);
  }
}

function mapOf(params: Params, inputs: number, outputs: number): Affine {
  const init = { bound: inputs ** -0.5 };
  return { weight: params.get("weight", [outputs, inputs], init), bias: params.get("bias", [outputs], init) };
}

/**
 * Names of the maps of a chain, which count what is between them too (PyTorch's Sequential): dropout behind the first three, and
 * ReLU behind all but the last.
 */
export function layerNames(maps: number, relu: boolean): string[] {
  let at = 0;
  return Array.from({ length: maps }, (_, i) => {
    const name = `layers.${at}`;
    at += 1 + (relu ? 1 : 0) + (i < DROPOUT.length ? 1 : 0);
    return name;
  });
}
