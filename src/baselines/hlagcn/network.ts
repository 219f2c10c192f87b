/** HLA-GCN: a ResNet, two graph modules, and a head after each; what they say is averaged. */
import { Conv2d, Linear, Params, type ParamSource } from "../../nn/index.js";
import { cat, scope, type Tensor } from "../../torch/index.js";
import { pytorchInit } from "../common/initial.js";
import { ResNet, stageChannels } from "../common/resnet.js";
import type { GraphSizes, HlaGcnConfig } from "./config.js";
import { LatentGraph, LayoutGraph, nearness } from "./graph.js";

export class HlaGcnNetwork {
  readonly params: Params;
  readonly #resnet: ResNet;
  readonly #narrow: Conv2d;
  readonly #layout: LayoutGraph;
  readonly #latent: LatentGraph;
  readonly #heads: readonly [Linear, Linear];
  readonly #stretch: GraphSizes["stretch"];

  constructor(source: ParamSource, { resnet, graph, score }: HlaGcnConfig) {
    const params = new Params(source);
    this.params = params;
    const { channels, layers, latent, stretch } = graph;
    this.#stretch = stretch;
    this.#resnet = new ResNet(params, resnet);
    const init = { std: Math.sqrt(2 / channels) };
    this.#narrow = new Conv2d(params.at("conv1x1"), stageChannels(resnet).at(-1) ?? 0, channels, { kernel: 1, init });
    this.#layout = new LayoutGraph(params.at("lagcn1"), channels, layers);
    this.#latent = new LatentGraph(params.at("lagcn2"), channels, latent);
    const head = (name: string): Linear =>
      new Linear(params.at(name), channels, score.values.length, { bias: true, ...pytorchInit(channels) });
    this.#heads = [head("aesfc1"), head("aesfc2")];
  }

  /**
   * @param pixels `[B, 3, H, W]`
   * @param aspect `[B]`, the width over the height of the pictures
   * @returns `predicted`: `[B, bins]` that sum to 1; `features`: `[B, 2 * channels]`
   */
  forward(pixels: Tensor, aspect: Tensor, training: boolean): { predicted: Tensor; features: Tensor } {
    const places = scope(() => this.#narrow.forward(this.#resnet.forward(pixels, training)));
    const near = nearness([places.size(2), places.size(3)], aspect, this.#stretch).to(places.dtype);
    const layout = scope(() => this.#layout.forward(places, near));
    const latent = scope(() => this.#latent.forward(layout, training));
    const parts = [layout, latent].map((map) => map.mean([2, 3])) as [Tensor, Tensor];
    const [first, second] = this.#heads.map((head, i) => head.forward(parts[i] as Tensor).softmax(1)) as [
      Tensor,
      Tensor,
    ];
    return { predicted: first.add(second).div(2), features: cat(parts, 1) };
  }
}
