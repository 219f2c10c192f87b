/** AlexNet as Caffe's reference network has it (CaffeNet): each of its two normalisations follows its pooling. */
import { Conv2d, Linear, type Params } from "../../nn/index.js";
import { aten, type Tensor } from "../../torch/index.js";

const maxPool = aten("max_pool2d");
const pad = aten("constant_pad_nd");
const avgPool3d = aten("avg_pool3d");
const dropout = aten("dropout");

/** Deviations of Caffe's "gaussian" fillers of this network. */
const CONV_STD = 0.01;
const LINEAR_STD = 0.005;

/**
 * How a map is drawn: as published, and in a narrower network so much wider that its outputs have the published size. Otherwise they
 * vanish from layer to layer, and every picture gets the same score however long it is trained.
 */
export function drawn(std: number, inputs: number, published: number): { readonly std: number } {
  return { std: inputs < published ? std * Math.sqrt(published / inputs) : std };
}

const LRN = { channels: 5, alpha: 1e-4, beta: 0.75 } as const;

/** `x / (1 + alpha * mean of x² over 5 neighbouring channels)^beta`, zeros beyond the ends (Caffe's LRN). */
function localResponseNorm(x: Tensor): Tensor {
  const half = (LRN.channels - 1) / 2;
  const squares = pad(x.mul(x).unsqueeze(1), [0, 0, 0, 0, half, half], 0);
  const means = avgPool3d(squares, [LRN.channels, 1, 1], [1, 1, 1]).squeeze(1);
  return x.div(means.mul(LRN.alpha).add(1).pow(LRN.beta));
}

/** 3×3 with stride 2; a window that begins inside counts, as in Caffe. */
function pool(x: Tensor): Tensor {
  return maxPool(x, [3, 3], [2, 2], [0, 0], [1, 1], true);
}

/** Sides of what a picture of a side becomes after the pools. */
function sideOf(size: number): number {
  const pooled = (side: number): number => Math.ceil((side - 3) / 2) + 1;
  return pooled(pooled(pooled(Math.floor((size - 11) / 4) + 1)));
}

/** An even number of channels: two groups share them. */
export function widthOf(channels: number, factor: number): number {
  return Math.max(1, Math.round((channels * factor) / 2)) * 2;
}

export class AlexNet {
  /** Of what {@link forward} gives. */
  readonly channels: number;
  readonly #convs: readonly Conv2d[];
  readonly #maps: readonly Linear[];

  constructor(
    params: Params,
    private readonly config: { readonly size: number; readonly width: number; readonly dropout: number },
  ) {
    const { size, width } = config;
    const [c1, c2, c3, c5] = [96, 256, 384, 256].map((channels) => widthOf(channels, width)) as [
      number,
      number,
      number,
      number,
    ];
    this.channels = widthOf(4096, width);
    const conv = (
      name: string,
      inputs: number,
      outputs: number,
      kernel: number,
      published: number,
      groups = 1,
    ): Conv2d => {
      const [stride, padding] = kernel === 11 ? [4, 0] : [1, (kernel - 1) / 2];
      const init = drawn(CONV_STD, (inputs / groups) * kernel ** 2, (published / groups) * kernel ** 2);
      const options = { kernel, stride, padding, groups, bias: true, init };
      return new Conv2d(params.at(name), inputs, outputs, options);
    };
    this.#convs = [
      conv("conv1", 3, c1, 11, 3),
      conv("conv2", c1, c2, 5, 96, 2),
      conv("conv3", c2, c3, 3, 256),
      conv("conv4", c3, c3, 3, 384, 2),
      conv("conv5", c3, c5, 3, 384, 2),
    ];
    const linear = (name: string, inputs: number, published: number): Linear =>
      new Linear(params.at(name), inputs, this.channels, { bias: true, init: drawn(LINEAR_STD, inputs, published) });
    this.#maps = [linear("fc6", c5 * sideOf(size) ** 2, 256 * sideOf(227) ** 2), linear("fc7", this.channels, 4096)];
  }

  /** @param pixels `[B, 3, size, size]`, blue first @returns `[B, channels]` */
  forward(pixels: Tensor, training: boolean): Tensor {
    const [conv1, conv2, ...rest] = this.#convs as [Conv2d, Conv2d, ...Conv2d[]];
    const early = [conv1, conv2].reduce((x, conv) => localResponseNorm(pool(conv.forward(x).relu())), pixels);
    const late = pool(rest.reduce((x, conv) => conv.forward(x).relu(), early)).flatten(1);
    return this.#maps.reduce((x, map) => {
      const y = map.forward(x).relu();
      return training ? dropout(y, this.config.dropout, true) : y;
    }, late);
  }
}
