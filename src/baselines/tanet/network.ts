/** TANet (He et al., IJCAI 2022): what a picture looks like, its theme, and how alike its colours are, put together. */
import { Linear, Params, type ParamSource } from "../../nn/index.js";
import { aten, cat, scope, type Tensor } from "../../torch/index.js";
import { pytorchInit } from "../common/initial.js";
import type { TanetConfig } from "./config.js";
import { MobileNetV2 } from "./mobilenet.js";
import { ThemeBranch } from "./theme.js";

const relu = aten("relu");
const dropout = aten("dropout");
const poolTo = aten("adaptive_avg_pool2d");

/** Numbers that each branch gives, however many the network predicts. */
const BRANCH = 10;

/** ReLU, dropout and a linear map, as every branch ends. */
class Head {
  readonly #map: Linear;

  constructor(
    params: Params,
    inputs: number,
    outputs: number,
    private readonly dropout: number,
  ) {
    this.#map = new Linear(params.at(2), inputs, outputs, { bias: true, ...pytorchInit(inputs) });
  }

  forward(x: Tensor, training: boolean): Tensor {
    return this.#map.forward(dropout(relu(x), this.dropout, training));
  }
}

export class TanetNetwork {
  readonly params: Params;
  readonly #theme: ThemeBranch;
  readonly #look: MobileNetV2;
  readonly #lookHead: Head;
  readonly #colours: Head;
  readonly #head: Head;

  constructor(
    source: ParamSource,
    private readonly config: TanetConfig,
  ) {
    const { mobilenet, grid, score, dropout } = config;
    const params = new Params(source);
    this.params = params;
    this.#theme = new ThemeBranch(source, params, config, BRANCH);
    this.#look = new MobileNetV2(params.at("mobileNet.base_model.0"), mobilenet.width, mobilenet.features);
    this.#lookHead = new Head(params.at("mobileNet.head"), mobilenet.features, BRANCH, dropout);
    this.#colours = new Head(params.at("head_rgb"), grid ** 4, BRANCH, dropout);
    this.#head = new Head(params.at("head"), 3 * BRANCH, score.values?.length ?? 1, dropout);
  }

  /** Of the part that nothing trains. */
  get frozen(): Params {
    return this.#theme.frozen;
  }

  /**
   * @param pixels `[B, 3, H, W]`
   * @returns `predicted`: `[B, bins]` that sum to 1, or `[B, 1]` from 0 to 1; `features`: `[B, 30]`
   */
  forward(pixels: Tensor, training: boolean): { predicted: Tensor; features: Tensor } {
    const colours = scope(() => this.#colours.forward(likeness(pixels, this.config.grid), training).softmax(1));
    const theme = scope(() => this.#theme.forward(pixels, training));
    const look = scope(() => this.#lookHead.forward(this.#look.forward(pixels, training), training));
    const features = cat([look, theme, colours], 1);
    const last = this.#head.forward(features, training);
    return { predicted: this.config.score.values ? last.softmax(1) : last.sigmoid(), features };
  }
}

/** Cosines between the mean values of every two places of a grid over the picture, `[B, grid ** 4]`. */
function likeness(pixels: Tensor, grid: number): Tensor {
  const places = poolTo(pixels, [grid, grid]).flatten(2);
  const lengths = places.mul(places).sum(1, true).sqrt();
  const products = lengths.transpose(1, 2).matmul(lengths).clamp(1e-8, null);
  return places.transpose(1, 2).matmul(places).div(products).flatten(1);
}
