/** VGG16's convolutions (arXiv 1409.1556), by torchvision's names. */
import { Conv2d, type Params } from "../../nn/index.js";
import { aten, type Tensor } from "../../torch/index.js";
import type { Features } from "./features.js";

const maxPool = aten("max_pool2d");

/** Channels of the convolutions of each stage, which a pool of 2 x 2 ends. */
const STAGES = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
];

export class Vgg16 implements Features {
  readonly channels: number;
  readonly #stages: readonly (readonly Conv2d[])[];

  /** @param width factor on the channels */
  constructor(params: Params, width: number) {
    let [inputs, index] = [3, 0];
    this.#stages = STAGES.map((stage) => {
      const convs = stage.map((full) => {
        const outputs = Math.max(1, Math.floor(full * width + 0.5));
        const init = { std: Math.sqrt(2 / (9 * outputs)) };
        const conv = new Conv2d(params.at(index), inputs, outputs, { kernel: 3, padding: 1, bias: true, init });
        [inputs, index] = [outputs, index + 2];
        return conv;
      });
      index += 1;
      return convs;
    });
    this.channels = inputs;
  }

  sideOf(side: number): number {
    return STAGES.reduce((length) => Math.floor(length / 2), side);
  }

  forward(pixels: Tensor): Tensor {
    return this.#stages.reduce((x, convs) => {
      const seen = convs.reduce((y, conv) => conv.forward(y).relu(), x);
      return maxPool(seen, [2, 2], [2, 2], [0, 0], [1, 1], false);
    }, pixels);
  }
}
