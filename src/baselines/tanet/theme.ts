/**
 * TANet's theme branch: a scene classifier that nothing trains, and a hyper network that makes of its logits the weights by which
 * features of the same logits are weighed (the paper's equations 2 and 3).
 */
import { BatchNorm, Linear, Params, type ParamSource } from "../../nn/index.js";
import { aten, noGrad, scope, type Tensor } from "../../torch/index.js";
import { PRELU_SLOPE, pytorchInit } from "../common/initial.js";
import { ResNet, stageChannels } from "../common/resnet.js";
import type { TanetConfig } from "./config.js";

const prelu = aten("prelu");
const dropout = aten("dropout");
const linear = aten("linear");
const batchNorm = aten("batch_norm");
const poolTo = aten("adaptive_avg_pool2d");

/** ResNet-18 of Places365, its logits included. */
class SceneClassifier {
  readonly #network: ResNet;
  readonly #head: Linear;

  constructor(params: Params, { width, depths, classes }: TanetConfig["scenes"]) {
    this.#network = new ResNet(params, { block: "basic", depths, width });
    const features = stageChannels(this.#network.config).at(-1) ?? 0;
    this.#head = new Linear(params.at("fc"), features, classes, { bias: true, ...pytorchInit(features) });
  }

  forward(x: Tensor, training: boolean): Tensor {
    return noGrad(() => scope(() => this.#head.forward(this.#network.forward(x, training).mean([2, 3]))));
  }
}

/** The features' weights, one picture's a row, and the features. */
interface Flows {
  /** `[B, features]` */
  readonly features: Tensor;
  /** `[B, features]` */
  readonly weights: Tensor;
  /** `[B, 1]` */
  readonly biases: Tensor;
}

export class ThemeBranch {
  /** Of the scene classifier. */
  readonly frozen: Params;
  readonly #scenes: SceneClassifier;
  readonly #weights: Linear;
  readonly #biases: Linear;
  readonly #features: Linear;
  readonly #norm: BatchNorm;
  readonly #slope: Tensor;
  readonly #mix: (flows: Flows, training: boolean) => Tensor;

  /** @param outputs how many numbers come out */
  constructor(
    source: ParamSource,
    params: Params,
    private readonly config: TanetConfig,
    outputs: number,
  ) {
    const { scenes, themeFeatures: size } = config;
    this.frozen = new Params(source, "res365_last");
    this.#scenes = new SceneClassifier(this.frozen, scenes);
    const options = { bias: true, ...pytorchInit(scenes.classes) };
    this.#weights = new Linear(params.at("hypernet.last_out_w"), scenes.classes, size, options);
    this.#biases = new Linear(params.at("hypernet.last_out_b"), scenes.classes, 1, options);
    const target = params.at("tygertnet");
    this.#features = new Linear(target.at("fc1"), scenes.classes, size, options);
    this.#norm = new BatchNorm(target.at("bn1"), size);
    this.#slope = target.at("relu1").get("weight", [1], PRELU_SLOPE);
    this.#mix = mixing(target, config, outputs);
  }

  /** `[B, 3, H, W] -> [B, outputs]` */
  forward(pixels: Tensor, training: boolean): Tensor {
    const logits = this.#scenes.forward(pixels, training);
    const normed = this.#norm.forward(this.#features.forward(logits), training);
    const features = dropout(prelu(normed, this.#slope), this.config.themeDropout, training);
    const flows = { features, weights: this.#weights.forward(logits), biases: this.#biases.forward(logits) };
    return this.#mix(flows, training);
  }
}

/** How features and weights become the branch's numbers. */
function mixing(target: Params, config: TanetConfig, outputs: number): (flows: Flows, training: boolean) => Tensor {
  const { theme, score } = config;
  if (theme === "batch" && !score.values) return (flows) => pooled(overBatch(flows).softmax(1), outputs);
  const rectify = target.at("relu7").get("weight", [1], PRELU_SLOPE);
  if (theme === "batch") return (flows) => pooled(prelu(normalised(overBatch(flows)), rectify), outputs);
  const norm = new BatchNorm(target.at("bn7"), 1);
  return ({ features, weights, biases }, training) => {
    const own = features.mul(weights).sum(1, true).add(biases);
    return prelu(norm.forward(own, training), rectify).expand(own.size(0), outputs);
  };
}

/** As the published code has it: entry (i, j) is picture i's features weighed by picture j's weights, `[B, B]`. */
function overBatch({ features, weights, biases }: Flows): Tensor {
  return linear(features, weights, null).add(biases);
}

/**
 * By the statistics of each column, in a test too: the published code makes the norm anew in every forward. One picture has no
 * deviation, and the published code fails; it lies at its own mean, which is 0.
 */
function normalised(square: Tensor): Tensor {
  if (square.size(0) === 1) return square.sub(square);
  return batchNorm(square, null, null, null, null, true, 0.1, 1e-5, false);
}

/** The pictures of the batch, evened out to `outputs` numbers. */
function pooled(square: Tensor, outputs: number): Tensor {
  return poolTo(square.unsqueeze(2), [outputs, 1]).squeeze(2);
}
