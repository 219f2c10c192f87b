/**
 * Residual networks (arXiv 1512.03385) under torchvision's parameter names, in torchvision's form, Keras' and TensorFlow's.
 *
 * Without a classifier: what follows the last stage is the system's.
 */
import { BatchNorm, Conv2d, maxPoolSame, type Init, type Params } from "../../nn/index.js";
import { aten, scope, type Tensor } from "../../torch/index.js";

const relu = aten("relu");
const maxPool = aten("max_pool2d");

/** A residual network's shape. */
export interface ResNetConfig {
  /** "basic": two 3×3 convolutions; "bottleneck": 1×1, 3×3, 1×1 with four times the channels. */
  readonly block: "basic" | "bottleneck";
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  /** Channels of the stem, and of the 3×3 convolutions of the first stage; each stage has twice those of the one before. */
  readonly width: number;
  /** Where a bottleneck halves the picture: "3x3" (torchvision's, the default) or the first "1x1" (the paper's, Keras'). */
  readonly strideOn?: "1x1" | "3x3";
  /** Convolutions have a bias, as in Keras. Default false. */
  readonly convBias?: boolean;
  /** Of the batch norms. Default 1e-5; Keras has 1e-3. */
  readonly eps?: number;
  /** Share of a batch in the running statistics. Default 0.1; Keras has 0.01. */
  readonly momentum?: number;
  /**
   * "even": as many zeros on every side, torchvision's, the default; "same": TensorFlow's; "keras": even, with none around the
   * pooling of the stem, as Keras had it before 2.2.
   */
  readonly padding?: "even" | "same" | "keras";
  /** The last batch norm of a block starts with the weight 0, so that a block starts as the identity. Default false. */
  readonly zeroLast?: boolean;
}

/** torchvision's networks, by name. */
export const RESNETS = {
  resnet18: { block: "basic", depths: [2, 2, 2, 2], width: 64 },
  resnet34: { block: "basic", depths: [3, 4, 6, 3], width: 64 },
  resnet50: { block: "bottleneck", depths: [3, 4, 6, 3], width: 64 },
} as const satisfies Record<string, ResNetConfig>;

/** Channels that the blocks of each stage give. */
export function stageChannels({ block, depths, width }: ResNetConfig): number[] {
  return depths.map((_, stage) => width * 2 ** stage * (block === "basic" ? 1 : 4));
}

/** Blocks of each stage of a network, by the names of its tensors. */
export function stageDepths(names: { has(name: string): boolean }): number[] {
  return [1, 2, 3, 4].map((stage) => {
    let depth = 0;
    while (names.has(`layer${stage}.${depth}.conv1.weight`)) depth++;
    return depth;
  });
}

/** kaiming_normal_(mode="fan_out", nonlinearity="relu"), as torchvision and tensorpack initialise. */
function fanOut(outputs: number, kernel: number): Init {
  return { std: Math.sqrt(2 / (outputs * kernel * kernel)) };
}

/** A convolution and its batch norm. */
class ConvNorm {
  readonly #conv: Conv2d;
  readonly #norm: BatchNorm;

  constructor(
    params: Params,
    names: readonly [conv: string, norm: string],
    shape: { inputs: number; outputs: number; kernel: number; stride: number; zero?: boolean },
    config: ResNetConfig,
  ) {
    const { inputs, outputs, kernel, stride } = shape;
    const padding = config.padding === "same" ? "same" : (kernel - 1) / 2;
    const init = fanOut(outputs, kernel);
    const bias = config.convBias ?? false;
    this.#conv = new Conv2d(params.at(names[0]), inputs, outputs, { kernel, stride, padding, bias, init });
    this.#norm = new BatchNorm(params.at(names[1]), outputs, { ...config, zero: shape.zero ?? false });
  }

  forward(x: Tensor, training: boolean): Tensor {
    return this.#norm.forward(this.#conv.forward(x), training);
  }
}

class Block {
  readonly #body: readonly ConvNorm[];
  readonly #shortcut: ConvNorm | undefined;

  constructor(params: Params, inputs: number, width: number, stride: number, config: ResNetConfig) {
    const kernels = config.block === "basic" ? [3, 3] : [1, 3, 1];
    const outputs = config.block === "basic" ? width : width * 4;
    const strided = config.block === "bottleneck" && config.strideOn !== "1x1" ? 1 : 0;
    this.#body = kernels.map((kernel, i) => {
      const last = i === kernels.length - 1;
      const shape = {
        inputs: i === 0 ? inputs : width,
        outputs: last ? outputs : width,
        kernel,
        stride: i === strided ? stride : 1,
        zero: last && (config.zeroLast ?? false),
      };
      return new ConvNorm(params, [`conv${i + 1}`, `bn${i + 1}`], shape, config);
    });
    this.#shortcut =
      stride === 1 && inputs === outputs
        ? undefined
        : new ConvNorm(params, ["downsample.0", "downsample.1"], { inputs, outputs, kernel: 1, stride }, config);
  }

  forward(x: Tensor, training: boolean): Tensor {
    const last = this.#body.length - 1;
    const body = this.#body.reduce((y, layer, i) => {
      const z = layer.forward(y, training);
      return i === last ? z : relu(z);
    }, x);
    return relu(body.add(this.#shortcut?.forward(x, training) ?? x));
  }
}

/** The network from the pixels to the last stage. */
export class ResNet {
  readonly #stem: ConvNorm;
  readonly #stages: readonly (readonly Block[])[];

  constructor(
    params: Params,
    readonly config: ResNetConfig,
  ) {
    const { depths, width } = config;
    this.#stem = new ConvNorm(params, ["conv1", "bn1"], { inputs: 3, outputs: width, kernel: 7, stride: 2 }, config);
    const channels = stageChannels(config);
    this.#stages = depths.map((depth, stage) =>
      Array.from({ length: depth }, (_, i) => {
        const inputs = (i === 0 ? channels[stage - 1] : channels[stage]) ?? width;
        const stride = i === 0 && stage > 0 ? 2 : 1;
        return new Block(params.at(`layer${stage + 1}`, i), inputs, width * 2 ** stage, stride, config);
      }),
    );
  }

  /**
   * What every block gives, `[B, channels, H', W']`, by stage.
   *
   * @param x `[B, 3, H, W]`
   * @param training batch norms use and record the batch's statistics
   * @param map what is kept of a block's output in its place, where all of them need not be in memory; the next block sees it
   *   as it was
   */
  blocks(x: Tensor, training: boolean, map: (output: Tensor) => Tensor = (output) => output): Tensor[][] {
    let y = scope(() => this.#pool(relu(this.#stem.forward(x, training))));
    return this.#stages.map((blocks) => {
      const stage = scope(() => {
        const kept = blocks.map((block) => map((y = scope(() => block.forward(y, training)))));
        return { kept, y };
      });
      y = stage.y;
      return stage.kept;
    });
  }

  /** What the last block of each stage gives, `[B, channels, H', W']`; see {@link blocks}. */
  stages(x: Tensor, training: boolean): Tensor[] {
    let y = scope(() => this.#pool(relu(this.#stem.forward(x, training))));
    return this.#stages.map((blocks) => {
      y = blocks.reduce((z, block) => scope(() => block.forward(z, training)), y);
      return y;
    });
  }

  /** What the last stage gives, `[B, channels, H', W']`; see {@link blocks}. */
  forward(x: Tensor, training: boolean): Tensor {
    return scope(() => this.stages(x, training).at(-1) as Tensor);
  }

  /** 3×3 with stride 2. */
  #pool(x: Tensor): Tensor {
    const { padding = "even" } = this.config;
    if (padding === "same") return maxPoolSame(x);
    const around = padding === "even" ? 1 : 0;
    return maxPool(x, [3, 3], [2, 2], [around, around]);
  }
}
