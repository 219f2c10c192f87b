/**
 * VMamba before its second version (arXiv 2401.10166): stages of blocks that scan the picture row by row and column by column, from
 * either end. Under the authors' parameter names.
 */
import { Conv2d, LayerNorm, Linear, segment, type Params } from "../../nn/index.js";
import { aten, cat, scope, stack, type Tensor } from "../../torch/index.js";
import { pytorchInit, spreadShares } from "../common/initial.js";
import type { MambaSizes } from "./config.js";
import { selectiveScan } from "./scan.js";

const flip = aten("flip");
const softplus = aten("softplus");

/** Rows and columns, each from the first place and from the last. */
const ORDERS = 4;
/** Of every norm. */
const EPS = 1e-5;
/** What linear maps start as. */
const INIT = { std: 0.02 };

/** Between which the steps of a new network lie, evenly by their logarithm. */
const STEPS = { from: 0.001, to: 0.1 };

/** What softplus makes of it is such a step: the authors draw them, here they are spread evenly and shuffled. */
function stepBiases(size: number): Float32Array {
  return spreadShares(size).map((share) => {
    const step = STEPS.from * (STEPS.to / STEPS.from) ** share;
    return step + Math.log(-Math.expm1(-step));
  });
}

/** The states of a channel fade by 1 to N. */
function fadeLogarithms(rows: number, states: number): Float32Array {
  return Float32Array.from({ length: rows * states }, (_, i) => Math.log(1 + (i % states)));
}

/** The 2-D selective scan: a gate beside a depthwise convolution and four scans, which are added. */
class SelectiveScan2d {
  readonly #in: Linear;
  readonly #conv: Conv2d;
  readonly #project: Tensor;
  readonly #steps: Tensor;
  readonly #stepBias: Tensor;
  readonly #fade: Tensor;
  readonly #skip: Tensor;
  readonly #norm: LayerNorm;
  readonly #out: Linear;
  readonly #rank: number;

  constructor(
    params: Params,
    channels: number,
    private readonly sizes: MambaSizes,
  ) {
    const { states, expand } = sizes;
    const inside = channels * expand;
    const rank = Math.ceil(channels / 16);
    this.#rank = rank;
    this.#in = new Linear(params.at("in_proj"), channels, inside * 2, { bias: false, init: INIT });
    this.#conv = new Conv2d(params.at("conv2d"), inside, inside, {
      ...{ kernel: 3, padding: 1, groups: inside, bias: true },
      ...pytorchInit(9),
    });
    this.#project = params.get("x_proj_weight", [ORDERS, rank + states * 2, inside], { bound: inside ** -0.5 });
    this.#steps = params.get("dt_projs_weight", [ORDERS, inside, rank], { bound: rank ** -0.5 });
    this.#stepBias = params.get("dt_projs_bias", [ORDERS, inside], { table: () => stepBiases(ORDERS * inside) });
    const rows = ORDERS * inside;
    this.#fade = params.get("A_logs", [rows, states], { table: () => fadeLogarithms(rows, states) });
    this.#skip = params.get("Ds", [rows], "ones");
    this.#norm = new LayerNorm(params.at("out_norm"), inside, EPS);
    this.#out = new Linear(params.at("out_proj"), inside, channels, { bias: false, init: INIT });
  }

  /** `[B, H, W, channels]`, the shape of the result too */
  forward(x: Tensor): Tensor {
    const both = this.#in.forward(x);
    const inside = both.size(3) / 2;
    const seen = this.#conv.forward(both.narrow(3, 0, inside).permute(0, 3, 1, 2)).silu();
    const scanned = this.#fourWays(seen).permute(0, 2, 3, 1).contiguous();
    const gate = both.narrow(3, inside, inside).silu();
    return this.#out.forward(this.#norm.forward(scanned.to(x.dtype)).mul(gate));
  }

  /** `[B, D, H, W]`, float32 the result */
  #fourWays(x: Tensor): Tensor {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const rows = x.flatten(2);
    const columns = x.transpose(2, 3).flatten(2);
    const forth = stack([rows, columns], 1);
    const y = this.#scan(cat([forth, flip(forth, [3])], 1));
    const together = y.narrow(1, 0, 2).add(flip(y.narrow(1, 2, 2), [3]));
    const byColumn = together.select(1, 1).reshape(batch, channels, width, height).transpose(2, 3);
    return together.select(1, 0).reshape(batch, channels, height, width).add(byColumn);
  }

  /** In float32, as the authors' in any dtype. @param x `[B, 4, D, L]`, the shape of the result too */
  #scan(x: Tensor): Tensor {
    const { states } = this.sizes;
    const [, , channels] = x.shape as [number, number, number];
    const projected = this.#project.matmul(x);
    const wide = (tensor: Tensor): Tensor => tensor.to("float32");
    const moves = this.#steps.matmul(projected.narrow(2, 0, this.#rank));
    const own = wide(x);
    const y = selectiveScan({
      x: own,
      step: softplus(wide(moves).add(wide(this.#stepBias).unsqueeze(2))),
      fade: wide(this.#fade).exp().neg().view(ORDERS, channels, states),
      write: wide(projected.narrow(2, this.#rank, states)),
      read: wide(projected.narrow(2, this.#rank + states, states)),
    });
    return y.add(own.mul(wide(this.#skip).view(ORDERS, channels, 1)));
  }
}

class Block {
  readonly #norm: LayerNorm;
  readonly #scan: SelectiveScan2d;

  constructor(params: Params, channels: number, sizes: MambaSizes) {
    this.#norm = new LayerNorm(params.at("ln_1"), channels, EPS);
    this.#scan = new SelectiveScan2d(params.at("self_attention"), channels, sizes);
  }

  forward(x: Tensor): Tensor {
    return segment(x, (input) => input.add(this.#scan.forward(this.#norm.forward(input))));
  }
}

/** Four neighbours to one place; an odd row or column at the end is left out. */
class Merge {
  readonly #norm: LayerNorm;
  readonly #reduce: Linear;

  constructor(params: Params, channels: number, outputs: number) {
    this.#norm = new LayerNorm(params.at("norm"), 4 * channels, EPS);
    this.#reduce = new Linear(params.at("reduction"), 4 * channels, outputs, { bias: false, init: INIT });
  }

  /** `[B, H, W, channels] -> [B, H / 2, W / 2, outputs]` */
  forward(x: Tensor): Tensor {
    const [height, width] = [x.size(1) & ~1, x.size(2) & ~1];
    const quarter = (row: number, column: number): Tensor => x.slice(1, row, height, 2).slice(2, column, width, 2);
    const four = cat([quarter(0, 0), quarter(1, 0), quarter(0, 1), quarter(1, 1)], 3);
    return this.#reduce.forward(this.#norm.forward(four));
  }
}

export class VMamba {
  readonly #patches: Conv2d;
  readonly #patchNorm: LayerNorm;
  readonly #stages: readonly { readonly blocks: readonly Block[]; readonly merge: Merge | undefined }[];
  readonly #norm: LayerNorm;

  constructor(params: Params, sizes: MambaSizes) {
    const { patch, depths, dims } = sizes;
    const [first, last] = [dims[0], dims.at(-1)] as [number, number];
    const embed = params.at("patch_embed");
    const init = pytorchInit(3 * patch * patch);
    this.#patches = new Conv2d(embed.at("proj"), 3, first, { kernel: patch, stride: patch, bias: true, ...init });
    this.#patchNorm = new LayerNorm(embed.at("norm"), first, EPS);
    this.#stages = depths.map((depth, i) => {
      const own = params.at("layers", i);
      const [channels, next] = [dims[i] as number, dims[i + 1]];
      return {
        blocks: Array.from({ length: depth }, (_, j) => new Block(own.at("blocks", j), channels, sizes)),
        merge: next === undefined ? undefined : new Merge(own.at("downsample"), channels, next),
      };
    });
    this.#norm = new LayerNorm(params.at("norm"), last, EPS);
  }

  /** `[B, 3, H, W] -> [B, dims.at(-1)]`, the mean over the picture */
  forward(pixels: Tensor): Tensor {
    const patches = scope(() => this.#patchNorm.forward(this.#patches.forward(pixels).permute(0, 2, 3, 1)));
    // No scope around a stage: what a recomputed block begins with has to outlive it.
    const last = this.#stages.reduce((x, { blocks, merge }) => {
      const y = blocks.reduce((z, block) => block.forward(z), x);
      return merge ? merge.forward(y) : y;
    }, patches);
    return scope(() => this.#norm.forward(last).mean([1, 2]));
  }
}
