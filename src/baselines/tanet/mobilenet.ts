/**
 * MobileNetV2 (arXiv 1801.04381) as TANet has it, Ji Lin's: the first block keeps its 1×1 convolution, and the first and last
 * layers end with ReLU in the place of ReLU6, so that torchvision's weights do not fit.
 */
import { BatchNorm, Conv2d, type Params } from "../../nn/index.js";
import { aten, scope, type Tensor } from "../../torch/index.js";

const relu = aten("relu");
const hardtanh = aten("hardtanh");

/** PyTorch's: its gradient, of one pass, is 0 at either end, where that of `clamp`, of several, is 1. */
function relu6(x: Tensor): Tensor {
  return hardtanh(x, 0, 6);
}

/** Factor on the channels inside of a block, its channels, how often it stands, stride of the first. */
const BLOCKS = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

interface LayerShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: 1 | 3;
  readonly stride?: number;
  readonly groups?: number;
}

/** A convolution without bias and its batch norm. */
class ConvNorm {
  readonly #conv: Conv2d;
  readonly #norm: BatchNorm;

  /** @param first the convolution's place in its sequence; the norm stands behind it */
  constructor(params: Params, first: number, { inputs, outputs, kernel, stride = 1, groups = 1 }: LayerShape) {
    const options = { kernel, stride, groups, padding: (kernel - 1) / 2, init: { std: Math.sqrt(2 / (kernel * kernel * outputs)) } }; // prettier-ignore
    this.#conv = new Conv2d(params.at(first), inputs, outputs, options);
    this.#norm = new BatchNorm(params.at(first + 1), outputs);
  }

  forward(x: Tensor, training: boolean): Tensor {
    return this.#norm.forward(this.#conv.forward(x), training);
  }
}

/** 1×1 to more channels, 3×3 channel by channel, 1×1 to fewer. */
class InvertedResidual {
  readonly #layers: readonly [ConvNorm, ConvNorm, ConvNorm];
  readonly #adds: boolean;

  constructor(params: Params, inputs: number, outputs: number, stride: number, factor: number) {
    const inside = inputs * factor;
    const at = params.at("conv");
    this.#adds = stride === 1 && inputs === outputs;
    this.#layers = [
      new ConvNorm(at, 0, { inputs, outputs: inside, kernel: 1 }),
      new ConvNorm(at, 3, { inputs: inside, outputs: inside, kernel: 3, stride, groups: inside }),
      new ConvNorm(at, 6, { inputs: inside, outputs, kernel: 1 }),
    ];
  }

  forward(x: Tensor, training: boolean): Tensor {
    const [expand, depthwise, project] = this.#layers;
    const y = relu6(depthwise.forward(relu6(expand.forward(x, training)), training));
    const z = project.forward(y, training);
    return this.#adds ? x.add(z) : z;
  }
}

export class MobileNetV2 {
  readonly #first: ConvNorm;
  readonly #blocks: readonly InvertedResidual[];
  readonly #last: ConvNorm;

  /** @param width factor on the channels of the blocks; @param features channels that come out */
  constructor(params: Params, width: number, features: number) {
    const channels = (count: number): number => Math.max(1, Math.trunc(count * width));
    let inputs = channels(32);
    this.#first = new ConvNorm(params.at(0), 0, { inputs: 3, outputs: inputs, kernel: 3, stride: 2 });
    this.#blocks = BLOCKS.flatMap(([factor, count, times, stride]) => Array.from({ length: times }, (_, i) => ({ factor, outputs: channels(count), stride: i === 0 ? stride : 1 }))).map(({ factor, outputs, stride }, i) => {
      const block = new InvertedResidual(params.at(i + 1), inputs, outputs, stride, factor);
      inputs = outputs;
      return block;
    }); // prettier-ignore
    this.#last = new ConvNorm(params.at(this.#blocks.length + 1), 0, { inputs, outputs: features, kernel: 1 });
  }

  /** `[B, 3, H, W] -> [B, features]`, the mean over the picture */
  forward(x: Tensor, training: boolean): Tensor {
    return scope(() => {
      const start = relu(this.#first.forward(x, training));
      const last = this.#blocks.reduce((y, block) => scope(() => block.forward(y, training)), start);
      return relu(this.#last.forward(last, training)).mean([2, 3]);
    });
  }
}
