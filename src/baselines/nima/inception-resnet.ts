/** Inception-ResNet-v2 (arXiv 1602.07261) without its classifier, by timm's names. */
import { BatchNorm, Conv2d, type Params } from "../../nn/index.js";
import { aten, cat, type Tensor } from "../../torch/index.js";
import type { Features } from "./features.js";

const maxPool = aten("max_pool2d");
const avgPool = aten("avg_pool2d");

/** TensorFlow's, which the public weights were trained with. */
const EPS = 1e-3;

type Kernel = number | readonly [height: number, width: number];

/** A convolution of a branch: channels, kernel, stride. It keeps the size ("same") where {@link Step.valid} is not set. */
interface Step {
  readonly out: number;
  readonly kernel: Kernel;
  readonly stride?: number;
  readonly valid?: boolean;
}

/** Gives parameters of their widths. */
class Builder {
  constructor(private readonly width: number) {}

  channels(full: number): number {
    return Math.max(1, Math.floor(full * this.width + 0.5));
  }

  conv(params: Params, inputs: number, { out, kernel, stride = 1, valid = false }: Step): ConvNorm {
    return new ConvNorm(params, inputs, this.channels(out), { kernel, stride, padding: valid ? 0 : "same" });
  }

  /** A branch is named by its only convolution, or by their positions, of which a pool takes the first. */
  branch(params: Params, inputs: number, steps: readonly Step[], first = 0): Branch {
    let given = inputs;
    const convs = steps.map((step, i) => {
      const at = steps.length === 1 && first === 0 ? params : params.at(first + i);
      const conv = this.conv(at, given, step);
      given = conv.outputs;
      return conv;
    });
    return { convs, outputs: given };
  }
}

interface Branch {
  readonly convs: readonly ConvNorm[];
  readonly outputs: number;
}

class ConvNorm {
  readonly #conv: Conv2d;
  readonly #norm: BatchNorm;

  constructor(
    params: Params,
    inputs: number,
    readonly outputs: number,
    options: { kernel: Kernel; stride: number; padding: number | "same" },
  ) {
    const sides = typeof options.kernel === "number" ? options.kernel ** 2 : options.kernel[0] * options.kernel[1];
    // As PyTorch's Conv2d: uniform up to the root of 1 / inputs.
    this.#conv = new Conv2d(params.at("conv"), inputs, outputs, {
      ...options,
      init: { std: (3 * inputs * sides) ** -0.5 },
    });
    this.#norm = new BatchNorm(params.at("bn"), outputs, { eps: EPS });
  }

  forward(x: Tensor, training: boolean): Tensor {
    return this.#norm.forward(this.#conv.forward(x), training).relu();
  }
}

function through({ convs }: Branch, x: Tensor, training: boolean): Tensor {
  return convs.reduce((y, conv) => conv.forward(y, training), x);
}

const same = (out: number, kernel: Kernel = 1): Step => ({ out, kernel });
const halved = (out: number): Step => ({ out, kernel: 3, stride: 2, valid: true });

const MIXED_5B = [
  [same(96)],
  [same(48), same(64, 5)],
  [same(64), same(96, 3), same(96, 3)],
] as const satisfies Step[][];
const BLOCK_35 = [[same(32)], [same(32), same(32, 3)], [same(32), same(48, 3), same(64, 3)]];
const MIXED_6A = [[halved(384)], [same(256), same(256, 3), halved(384)]];
const BLOCK_17 = [[same(192)], [same(128), same(160, [1, 7]), same(192, [7, 1])]];
const MIXED_7A = [
  [same(256), halved(384)],
  [same(256), halved(288)],
  [same(256), same(288, 3), halved(320)],
];
const BLOCK_8 = [[same(192)], [same(192), same(224, [1, 3]), same(256, [3, 1])]];

function pooled(x: Tensor): Tensor {
  return maxPool(x, [3, 3], [2, 2], [0, 0], [1, 1], false);
}

/** Branches side by side, with what a pool makes of the input where there is one. */
class Mixed {
  readonly outputs: number;
  readonly #branches: readonly Branch[];

  constructor(
    build: Builder,
    params: Params,
    inputs: number,
    branches: readonly (readonly Step[])[],
    private readonly pool: "max" | "none" = "max",
  ) {
    this.#branches = branches.map((steps, i) => build.branch(params.at(`branch${i}`), inputs, steps));
    const made = this.#branches.reduce((sum, { outputs }) => sum + outputs, 0);
    this.outputs = made + (pool === "max" ? inputs : 0);
  }

  forward(x: Tensor, training: boolean): Tensor {
    const made = this.#branches.map((branch) => through(branch, x, training));
    return cat(this.pool === "max" ? [...made, pooled(x)] : made, 1);
  }
}

/** The first of them has an average pool with a convolution behind it. */
class Mixed5b {
  readonly outputs: number;
  readonly #mixed: Mixed;
  readonly #pooled: Branch;

  constructor(build: Builder, params: Params, inputs: number) {
    this.#mixed = new Mixed(build, params, inputs, MIXED_5B, "none");
    this.#pooled = build.branch(params.at("branch3"), inputs, [same(64)], 1);
    this.outputs = this.#mixed.outputs + this.#pooled.outputs;
  }

  forward(x: Tensor, training: boolean): Tensor {
    const around = avgPool(x, [3, 3], [1, 1], [1, 1], false, false);
    return cat([this.#mixed.forward(x, training), through(this.#pooled, around, training)], 1);
  }
}

/** Branches whose sum, scaled, is added to the input. */
class Residual {
  readonly #mixed: Mixed;
  readonly #up: Conv2d;

  constructor(
    build: Builder,
    params: Params,
    inputs: number,
    branches: readonly (readonly Step[])[],
    private readonly options: { scale: number; relu?: boolean },
  ) {
    this.#mixed = new Mixed(build, params, inputs, branches, "none");
    const { outputs } = this.#mixed;
    const init = { std: (3 * outputs) ** -0.5 };
    this.#up = new Conv2d(params.at("conv2d"), outputs, inputs, { kernel: 1, bias: true, init });
  }

  forward(x: Tensor, training: boolean): Tensor {
    const { scale, relu = true } = this.options;
    const sum = this.#up.forward(this.#mixed.forward(x, training)).mul(scale).add(x);
    return relu ? sum.relu() : sum;
  }
}

interface Layer {
  forward(x: Tensor, training: boolean): Tensor;
}

const POOL: Layer = { forward: pooled };

export class InceptionResnetV2 implements Features {
  readonly channels: number;
  readonly #layers: readonly Layer[];

  /**
   * @param width factor on the channels
   * @param repeats blocks of the three stages
   */
  constructor(params: Params, width: number, repeats: readonly [number, number, number]) {
    const build = new Builder(width);
    const layers: Layer[] = [];
    let given = 3;
    const conv = (name: string, step: Step): void => {
      const made = build.conv(params.at(name), given, step);
      layers.push(made);
      given = made.outputs;
    };
    const mixed = (made: Mixed | Mixed5b): void => {
      layers.push(made);
      given = made.outputs;
    };
    const residuals = (name: string, count: number, branches: readonly (readonly Step[])[], scale: number): void => {
      for (let i = 0; i < count; i++) layers.push(new Residual(build, params.at(name, i), given, branches, { scale }));
    };
    conv("conv2d_1a", halved(32));
    conv("conv2d_2a", { out: 32, kernel: 3, valid: true });
    conv("conv2d_2b", same(64, 3));
    layers.push(POOL);
    conv("conv2d_3b", same(80));
    conv("conv2d_4a", { out: 192, kernel: 3, valid: true });
    layers.push(POOL);
    mixed(new Mixed5b(build, params.at("mixed_5b"), given));
    residuals("repeat", repeats[0], BLOCK_35, 0.17);
    mixed(new Mixed(build, params.at("mixed_6a"), given, MIXED_6A));
    residuals("repeat_1", repeats[1], BLOCK_17, 0.1);
    mixed(new Mixed(build, params.at("mixed_7a"), given, MIXED_7A));
    residuals("repeat_2", repeats[2], BLOCK_8, 0.2);
    layers.push(new Residual(build, params.at("block8"), given, BLOCK_8, { scale: 1, relu: false }));
    conv("conv2d_7b", same(1536));
    this.#layers = layers;
    this.channels = given;
  }

  sideOf(side: number): number {
    const half = (length: number): number => Math.floor((length - 3) / 2) + 1;
    return half(half(half(half(half(side) - 2) - 2)));
  }

  forward(pixels: Tensor, training: boolean): Tensor {
    return this.#layers.reduce((x, layer) => layer.forward(x, training), pixels);
  }
}
