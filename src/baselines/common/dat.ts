/**
 * The deformable attention transformer (DAT, arXiv 2201.00520) as EAT and ICAA's delegate transformer change it: the places that
 * keys are sampled at start from points that the network predicts, in the place of a regular grid.
 */
import { Conv2d, LayerNorm, Linear, type Params } from "../../nn/index.js";
import { aten, empty, scope, type Tensor } from "../../torch/index.js";
import type { DatConfig } from "./dat-config.js";
import { DeformableAttention } from "./dat-deformable.js";
import { pytorchInit } from "./initial.js";
import { WindowAttention } from "./dat-window.js";

const bernoulli = aten("bernoulli_.float");

/** Zeroes whole pictures of a branch, and scales the others up for it. */
function dropPath(x: Tensor, rate: number, training: boolean): Tensor {
  if (!training || rate === 0) return x;
  const shape = [x.size(0), ...Array.from({ length: x.ndim - 1 }, () => 1)];
  const kept = bernoulli(empty(shape, { dtype: x.dtype, device: x.device }), 1 - rate);
  return x.mul(kept.div(1 - rate));
}

/** `[B, H, W, C] -> [B, H, W, C]` */
interface Mixer {
  forward(x: Tensor): Tensor;
}

/** Norm, attention, norm, two linear maps; each half with a shortcut. */
class Block {
  readonly #norms: readonly [LayerNorm, LayerNorm];
  readonly #mixer: Mixer;
  readonly #up: Linear;
  readonly #down: Linear;
  readonly #dropPath: number;

  constructor(
    params: Params,
    index: number,
    dim: number,
    config: DatConfig,
    options: { mixer: Mixer; dropPath: number },
  ) {
    this.#norms = [0, 1].map((half) => new LayerNorm(params.at("layer_norms", 2 * index + half, "norm"), dim, 1e-5)) as [LayerNorm, LayerNorm]; // prettier-ignore
    this.#mixer = options.mixer;
    this.#dropPath = options.dropPath;
    const chunk = params.at("mlps", index, "chunk");
    const inside = dim * config.expansion;
    this.#up = new Linear(chunk.at("linear1"), dim, inside, { bias: true, ...pytorchInit(dim) });
    this.#down = new Linear(chunk.at("linear2"), inside, dim, { bias: true, ...pytorchInit(inside) });
  }

  forward(x: Tensor, training: boolean): Tensor {
    const [first, second] = this.#norms;
    const attended = scope(() => this.#mixer.forward(first.forward(x)));
    const y = dropPath(attended, this.#dropPath, training).add(x);
    const mapped = this.#down.forward(this.#up.forward(second.forward(y)).gelu());
    return dropPath(mapped, this.#dropPath, training).add(y);
  }
}

/** What a stage is made of beside the config. */
interface StagePlace {
  readonly index: number;
  /** Patches along a side. */
  readonly side: number;
  /** Of each block. */
  readonly dropPaths: readonly number[];
}

function stageOf(params: Params, config: DatConfig, { index, side, dropPaths }: StagePlace): Block[] {
  const [dim = 0, heads = 1, groups = 1] = [config.dims[index], config.heads[index], config.groups[index]];
  return Array.from(config.stages[index] ?? "", (letter, i) => {
    const at = params.at("attns", i);
    const shape = { dim, heads, side };
    const { window_size: window } = config;
    const shift = letter === "S" ? Math.ceil(window / 2) : 0;
    const mixer =
      letter === "D"
        ? new DeformableAttention(at, { ...shape, groups, stage: index }, config)
        : new WindowAttention(at, { ...shape, window, shift });
    return new Block(params, i, dim, config, { mixer, dropPath: dropPaths[i] ?? 0 });
  });
}

/** A convolution whose patches do not overlap, and a norm over its channels: `[B, H, W, C] -> [B, H / side, W / side, C']` */
class Patches {
  readonly #conv: Conv2d;
  readonly #norm: LayerNorm;

  constructor(params: Params, inputs: number, outputs: number, { side, bias }: { side: number; bias: boolean }) {
    const options = { kernel: side, stride: side, bias, ...pytorchInit(inputs * side * side) };
    this.#conv = new Conv2d(params.at(0), inputs, outputs, options);
    this.#norm = new LayerNorm(params.at(1, "norm"), outputs, 1e-5);
  }

  forward(x: Tensor): Tensor {
    return this.#norm.forward(this.#conv.forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1));
  }
}

/** Pixels to one vector a picture. */
export class Dat {
  readonly #patches: Patches;
  readonly #stages: readonly (readonly Block[])[];
  readonly #downs: readonly Patches[];
  readonly #norm: LayerNorm;

  constructor(params: Params, config: DatConfig) {
    const { dims, stages, patch_size: side, imageSize } = config;
    this.#patches = new Patches(params.at("patch_proj"), 3, dims[0], { side, bias: true });
    const depths = stages.map(({ length }) => length);
    const blocks = depths.reduce((sum, depth) => sum + depth, 0);
    const rates = Array.from({ length: blocks }, (_, i) => (config.drop_path_rate * i) / Math.max(1, blocks - 1));
    this.#stages = depths.map((depth, index) => {
      const before = depths.slice(0, index).reduce((sum, count) => sum + count, 0);
      const place = { index, side: imageSize / side / 2 ** index, dropPaths: rates.slice(before, before + depth) };
      return stageOf(params.at("stages", index), config, place);
    });
    this.#downs = [0, 1, 2].map(
      (i) =>
        new Patches(params.at("down_projs", i), dims[i] as number, dims[i + 1] as number, { side: 2, bias: false }),
    );
    this.#norm = new LayerNorm(params.at("cls_norm", "norm"), dims[3], 1e-5);
  }

  /** `[B, 3, H, W] -> [B, dims[3]]` */
  forward(pixels: Tensor, training: boolean): Tensor {
    return scope(() => {
      let x = this.#patches.forward(pixels.permute(0, 2, 3, 1));
      this.#stages.forEach((blocks, i) => {
        x = blocks.reduce((y, block) => scope(() => block.forward(y, training)), x);
        x = this.#downs[i]?.forward(x) ?? x;
      });
      return this.#norm.forward(x).mean([1, 2]);
    });
  }
}
