/** MobileNet v1 (arXiv 1704.04861) without its classifier, by Keras' names. */
import { BatchNorm, Conv2d, type Params } from "../../nn/index.js";
import { aten, type Tensor } from "../../torch/index.js";
import type { Features } from "./features.js";

const hardtanh = aten("hardtanh");
const pad = aten("constant_pad_nd");

/** Keras'. Its momentum of .99 is PyTorch's .01. */
const NORM = { eps: 1e-3, momentum: 0.01 };

/** Channels and stride of each depthwise block. */
const BLOCKS = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
] as const;

function relu6(x: Tensor): Tensor {
  return hardtanh(x, 0, 6);
}

/** A convolution, its norm and ReLU6; a stride of 2 has its zeros below and on the right, whatever the picture's side. */
class Unit {
  readonly #conv: Conv2d;
  readonly #norm: BatchNorm;
  readonly #after: boolean;

  constructor(
    params: Params,
    name: string,
    inputs: number,
    outputs: number,
    { kernel, stride = 1, groups = 1 }: { kernel: number; stride?: number; groups?: number },
  ) {
    this.#after = stride === 2;
    const padding = kernel === 1 || this.#after ? 0 : 1;
    // Keras' glorot_uniform: of a variance of 2 / (inputs + outputs), per place of the kernel.
    const places = kernel ** 2;
    const init = { std: Math.sqrt(2 / (places * (inputs / groups + (groups > 1 ? 1 : outputs)))) };
    this.#conv = new Conv2d(params.at(name), inputs, outputs, { kernel, stride, padding, groups, init });
    this.#norm = new BatchNorm(params.at(`${name}_bn`), outputs, NORM);
  }

  forward(x: Tensor, training: boolean): Tensor {
    const around = this.#after ? pad(x, [0, 1, 0, 1], 0) : x;
    return relu6(this.#norm.forward(this.#conv.forward(around), training));
  }
}

export class MobileNet implements Features {
  readonly channels: number;
  readonly #units: readonly Unit[];

  /** @param width factor on the channels */
  constructor(params: Params, width: number) {
    const channels = (full: number): number => Math.max(1, Math.floor(full * width + 0.5));
    let given = channels(32);
    const units = [new Unit(params, "conv1", 3, given, { kernel: 3, stride: 2 })];
    BLOCKS.forEach(([full, stride], i) => {
      units.push(new Unit(params, `conv_dw_${i + 1}`, given, given, { kernel: 3, stride, groups: given }));
      units.push(new Unit(params, `conv_pw_${i + 1}`, given, channels(full), { kernel: 1 }));
      given = channels(full);
    });
    this.#units = units;
    this.channels = given;
  }

  sideOf(side: number): number {
    return [0, 1, 2, 3, 4].reduce((length) => Math.floor((length - 2) / 2) + 1, side);
  }

  forward(pixels: Tensor, training: boolean): Tensor {
    return this.#units.reduce((x, unit) => unit.forward(x, training), pixels);
  }
}
