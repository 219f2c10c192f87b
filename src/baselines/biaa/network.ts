/** BIAA: the 1000 logits of a classifier of ImageNet, two layers of features, and one number from 0 to 1. */
import { BatchNorm, Linear, Params, type ParamSource } from "../../nn/index.js";
import { aten, scope, type Tensor } from "../../torch/index.js";
import { PRELU_SLOPE, pytorchInit } from "../common/initial.js";
import { ResNet, stageChannels } from "../common/resnet.js";
import type { BiaaConfig } from "./config.js";

const prelu = aten("prelu");
const dropout = aten("dropout");

function linear(params: Params, inputs: number, outputs: number): Linear {
  return new Linear(params, inputs, outputs, { bias: true, ...pytorchInit(inputs) });
}

/** A linear map, a batch norm, PReLU and dropout: number `index` of the head. */
class Layer {
  readonly #map: Linear;
  readonly #norm: BatchNorm;
  readonly #slope: Tensor;

  constructor(
    head: Params,
    index: number,
    sizes: readonly [inputs: number, outputs: number],
    private readonly dropout: number,
  ) {
    this.#map = linear(head.at(`fc${index}`), ...sizes);
    this.#norm = new BatchNorm(head.at(`bn${index}`), sizes[1]);
    this.#slope = head.at(`relu${index}`).get("weight", [1], PRELU_SLOPE);
  }

  forward(x: Tensor, training: boolean): Tensor {
    return dropout(prelu(this.#norm.forward(this.#map.forward(x), training), this.#slope), this.dropout, training);
  }
}

export class BiaaNetwork {
  readonly params: Params;
  readonly #resnet: ResNet;
  readonly #logits: Linear;
  readonly #layers: readonly [Layer, Layer];
  readonly #score: Linear;

  constructor(source: ParamSource, { resnet, classes, hidden, dropout }: BiaaConfig) {
    const params = new Params(source);
    this.params = params;
    const classifier = params.at("resnet_layer");
    this.#resnet = new ResNet(classifier, resnet);
    this.#logits = linear(classifier.at("fc"), stageChannels(resnet).at(-1) ?? 0, classes);
    const head = params.at("net");
    this.#layers = [new Layer(head, 1, [classes, hidden[0]], dropout), new Layer(head, 2, hidden, dropout)];
    this.#score = linear(head.at("fc3"), hidden[1], 1);
  }

  /**
   * @param pixels `[B, 3, H, W]`
   * @returns `predicted`: `[B]` from 0 to 1; `features`: `[B, hidden[1]]`
   */
  forward(pixels: Tensor, training: boolean): { predicted: Tensor; features: Tensor } {
    const logits = scope(() => this.#logits.forward(this.#resnet.forward(pixels, training).mean([2, 3])));
    const features = this.#layers.reduce((x, layer) => layer.forward(x, training), logits);
    return { predicted: this.#score.forward(features).sigmoid().squeeze(1), features };
  }
}
