/**
 * A classical system of a few weights (convolution, batch norm, a distribution over five scores and one attribute), and what
 * PyTorch computes with it: test/fixtures/train/network.json.
 */
import { readFileSync } from "node:fs";
import { emdLoss, squaredLoss } from "../../src/baselines/common/losses.js";
import type { Answer, Baseline, Loss, Output, Targets } from "../../src/baselines/types.js";
import type { Sample } from "../../src/data/index.js";
import type { RgbImage } from "../../src/image/index.js";
import { BatchNorm, Conv2d, Linear, mapSource, Params, type ParamSource } from "../../src/nn/index.js";
import { fromTypedArray, ones, scope, zeros, type Tensor } from "../../src/torch/index.js";
import type { TrainOptions } from "../../src/train/index.js";
import { sumError } from "../rounding.js";
import { fixture } from "../support.js";

export const VALUES = [1, 2, 3, 4, 5];

/** Pictures of 8 x 8 as they are. */
export class ToyNetwork implements Baseline {
  readonly family = "toy";
  readonly config = {};
  readonly dtype = "float32";
  readonly device = "cpu";
  readonly outputs: readonly Output[] = [
    { name: "score", scale: { min: 1, max: 5 }, values: VALUES },
    { name: "light", scale: { min: -1, max: 1 } },
  ];
  readonly inputs: Baseline["inputs"] = {
    steps: null,
    prepare: (picture) => Promise.resolve(picture as RgbImage),
    batch(prepared) {
      const area = 8 * 8;
      const values = new Float32Array(prepared.length * 3 * area);
      prepared.forEach(({ data }, b) => {
        for (let c = 0; c < 3; c++) {
          for (let at = 0; at < area; at++) values[(b * 3 + c) * area + at] = (data[at * 3 + c] ?? NaN) / 255;
        }
      });
      return { pixelValues: fromTypedArray(values, [prepared.length, 3, 8, 8]) };
    },
  };
  readonly #params: Params;
  readonly #conv: Conv2d;
  readonly #norm: BatchNorm;
  readonly #score: Linear;
  readonly #light: Linear;

  constructor(source: ParamSource) {
    const root = (this.#params = new Params(source));
    this.#conv = new Conv2d(root.at("features", "conv"), 3, 4, { kernel: 3, stride: 2, padding: 1 });
    this.#norm = new BatchNorm(root.at("features", "norm"), 4);
    this.#score = new Linear(root.at("head", "score"), 4, VALUES.length, { bias: true });
    this.#light = new Linear(root.at("head", "light"), 4, 1, { bias: true });
  }

  forward({ pixelValues }: { readonly pixelValues?: Tensor }, training: boolean): Answer {
    const maps = this.#norm.forward(this.#conv.forward(pixelValues as Tensor), training);
    const features = maps.relu().mean([2, 3]);
    const light = this.#light.forward(features).view(-1);
    return { outputs: { score: this.#score.forward(features).softmax(1), light }, features };
  }

  loss(answer: Answer, targets: Targets): Loss {
    const emd = emdLoss(answer.outputs["score"] as Tensor, targets.distribution as Tensor);
    const light = squaredLoss(answer, targets, "light");
    return { loss: emd.add(light), terms: { emd, light } };
  }

  parameters(): Map<string, Tensor> {
    return this.#params.tensors;
  }
  buffers(): Map<string, Tensor> {
    return this.#params.buffers;
  }
  dispose(): void {
    for (const tensor of [...this.#params.tensors.values(), ...this.#params.buffers.values()]) tensor.dispose();
  }
}

export type Numbers = Record<string, number[]>;
interface Reference {
  votes: number[][];
  scores: number[];
  light: (number | null)[];
  steps: number;
  pictures: number[][];
  shapes: Numbers;
  start: Numbers;
  terms: Record<string, number>;
  gradients: Numbers;
  ends: Record<string, { weights: Numbers; statistics: Numbers; predicted: number[] }>;
  rates: Numbers;
}
export const reference = JSON.parse(readFileSync(fixture("train/network.json"), "utf8")) as Reference;
export const SCALES = { scale: { min: 1, max: 5 }, attributeScales: { light: { min: -1, max: 1 } } };

/** Sums of a forward and a backward: 27 values a map, 16 places, 4 pictures, in numbers below 4. */
export const BOUND = sumError(27 * 16 * 4, 4);

export const samples: readonly Sample[] = reference.scores.map((score, i) => {
  const [votes, light] = [reference.votes[i], reference.light[i]];
  return {
    ...{ id: `${i}`, image: `${i}`, score, split: "train" },
    ...(votes && { votes }),
    ...(light !== null && light !== undefined && { attributes: { light } }),
  };
});

export function imageOf(name: string): RgbImage {
  return { width: 8, height: 8, data: Uint8Array.from(reference.pictures[Number(name)] ?? []) };
}

/** The network at its start. */
export function network(): ToyNetwork {
  return scope(() => {
    const weights = Object.entries(reference.start).map(
      ([name, values]) => [name, fromTypedArray(Float32Array.from(values), reference.shapes[name] ?? [])] as const,
    );
    const statistics = [
      ["features.norm.running_mean", zeros([4])],
      ["features.norm.running_var", ones([4])],
    ] as const;
    return new ToyNetwork(mapSource(new Map<string, Tensor>([...weights, ...statistics])));
  });
}

/** Steps of all four pictures. */
export const RECIPE: TrainOptions = {
  ...{ seed: 1, steps: reference.steps, batchSize: samples.length, accumulation: 1, schedule: "constant", warmup: 0 },
  ...{ learningRate: 0.1, weightDecay: 0.01, decayVectors: true, every: 100, optimizer: "sgd", momentum: 0 },
  ...{ betas: [0.9, 0.99], maxNorm: 1e9, flip: false, precision: "float32" },
};
