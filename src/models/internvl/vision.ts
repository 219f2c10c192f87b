/**
 * InternViT (arXiv 2312.14238; transformers' InternVLVisionModel): a vision transformer whose branches are scaled per channel
 * before they are added. The 6B tower has RMS norms, also of q and k.
 */
import { ACTIVATIONS, attention, fanIn, LayerNorm, Linear, RmsNorm, segment, SEES_ALL } from "../../nn/index.js";
import type { Init, Params } from "../../nn/index.js";
import { RocError } from "../../errors.js";
import { aten, cat, type Tensor } from "../../torch/index.js";
import type { VisionConfig } from "./config.js";
import type { PartNames } from "./names.js";

const linear = aten("linear");
const bicubic = aten("upsample_bicubic2d");

/** Of fresh position embeddings: about the size of an embedded patch. */
const PLACE_STD = 0.5;

type Norm = LayerNorm | RmsNorm;

function normOf(params: Params, { norm, hiddenSize, normEps }: VisionConfig): Norm {
  return norm === "layer_norm" ? new LayerNorm(params, hiddenSize, normEps) : new RmsNorm(params, hiddenSize, normEps);
}

/** `[images, rows, hiddenSize]` to q, k and v, of the same shape. */
type Split = (x: Tensor) => readonly [q: Tensor, k: Tensor, v: Tensor];

function splitOf(params: Params, { qkv }: PartNames, { hiddenSize: size, qkvBias: bias }: VisionConfig): Split {
  if (typeof qkv === "string") {
    const map = new Linear(params.at(qkv), size, 3 * size, { bias });
    return (x) => {
      const all = map.forward(x);
      return [all.narrow(2, 0, size), all.narrow(2, size, size), all.narrow(2, 2 * size, size)];
    };
  }
  const [q, k, v] = qkv.map((name) => new Linear(params.at(name), size, size, { bias })) as [Linear, Linear, Linear];
  return (x) => [q.forward(x), k.forward(x), v.forward(x)];
}

class Block {
  readonly #norm1: Norm;
  readonly #norm2: Norm;
  readonly #split: Split;
  readonly #qkNorms: readonly RmsNorm[];
  readonly #out: Linear;
  readonly #fc1: Linear;
  readonly #fc2: Linear;
  readonly #scale1: Tensor;
  readonly #scale2: Tensor;

  constructor(
    params: Params,
    names: PartNames,
    private readonly config: VisionConfig,
  ) {
    const { hiddenSize: size, intermediateSize, layers, scale, qkNormEps } = config;
    // Projections into the residual stream are initialised smaller, so that its scale does not grow with depth.
    const residual = (inputs: number): Init => fanIn(inputs * 2 * layers);
    const scales: Init = { table: () => new Float32Array(size).fill(scale) };
    this.#norm1 = normOf(params.at(names.norm1), config);
    this.#split = splitOf(params, names, config);
    const normed = qkNormEps === undefined ? [] : [names.qNorm, names.kNorm];
    this.#qkNorms = normed.map((name) => new RmsNorm(params.at(name), size, qkNormEps ?? 0));
    this.#out = new Linear(params.at(names.out), size, size, { bias: true, init: residual(size) });
    this.#scale1 = params.get(names.scale1, [size], scales);
    this.#norm2 = normOf(params.at(names.norm2), config);
    this.#fc1 = new Linear(params.at("mlp.fc1"), size, intermediateSize, { bias: true });
    const init = residual(intermediateSize);
    this.#fc2 = new Linear(params.at("mlp.fc2"), intermediateSize, size, { bias: true, init });
    this.#scale2 = params.get(names.scale2, [size], scales);
  }

  /** @param x `[images, rows, hiddenSize]`, the shape of the result too */
  forward(x: Tensor): Tensor {
    return segment(x, (input) => {
      const attended = input.add(this.#attention(this.#norm1.forward(input)).mul(this.#scale1));
      const inner = ACTIVATIONS[this.config.activation](this.#fc1.forward(this.#norm2.forward(attended)));
      return attended.add(this.#fc2.forward(inner).mul(this.#scale2));
    });
  }

  #attention(x: Tensor): Tensor {
    const [images = 0, rows = 0, size = 0] = x.shape;
    const { heads } = this.config;
    const [q, k, v] = this.#split(x).map((part, index) =>
      (this.#qkNorms[index]?.forward(part) ?? part).view(images, rows, heads, size / heads).transpose(1, 2),
    ) as [Tensor, Tensor, Tensor];
    return this.#out.forward(attention(q, k, v, SEES_ALL, false));
  }
}

export class InternVision {
  readonly #classToken: Tensor;
  readonly #patchWeight: Tensor;
  readonly #patchBias: Tensor;
  readonly #positions: Tensor;
  readonly #blocks: readonly Block[];
  readonly #norm: LayerNorm | undefined;

  /** @param wide positions are resized in float32 whatever the model's dtype, as the original code does */
  constructor(
    params: Params,
    names: PartNames,
    private readonly config: VisionConfig,
    private readonly wide: boolean,
  ) {
    const { hiddenSize: size, channels, imageSize, patchSize, layers, normEps } = config;
    const embeddings = params.at("embeddings");
    const patches = embeddings.at(names.patches);
    const table = Math.floor(imageSize / patchSize) ** 2 + 1;
    this.#classToken = embeddings.get(names.classToken, [1, 1, size], { std: PLACE_STD });
    // Read and written; nothing here masks a patch.
    if (config.maskToken) embeddings.get("mask_token", [1, 1, size], "zeros");
    this.#patchWeight = patches.get("weight", [size, channels, patchSize, patchSize], fanIn(channels * patchSize ** 2));
    this.#patchBias = patches.get("bias", [size], "zeros");
    this.#positions = embeddings.get(names.positions, [1, table, size], { std: PLACE_STD });
    const blocks = params.at(names.blocks);
    this.#blocks = Array.from({ length: layers }, (_, i) => new Block(blocks.at(i), names, config));
    this.#norm = config.finalNorm ? new LayerNorm(params.at("layernorm"), size, normEps) : undefined;
  }

  /**
   * The patches' hidden states behind the first `count` layers; no other is computed.
   *
   * @param pixels `[images, channels, height, width]`
   * @param options.behindNorm behind the tower's last norm, where it has one
   * @returns `[images, rows, columns, hiddenSize]`, without the class token
   * @throws RocError USAGE where the pictures have other channels, or less than a patch
   */
  forward(pixels: Tensor, count: number, { behindNorm }: { readonly behindNorm: boolean }): Tensor {
    const { hiddenSize, patchSize, channels } = this.config;
    const [images = 0, depth = 0, height = 0, width = 0] = pixels.shape;
    const [rows, columns] = [Math.floor(height / patchSize), Math.floor(width / patchSize)];
    if (pixels.ndim !== 4 || depth !== channels || rows === 0 || columns === 0) {
      const asked = `[tiles, ${channels}, height, width] of ${patchSize} pixels a side at least`;
      throw new RocError("USAGE", `pixelValues has the shape [${pixels.shape.join(", ")}]; the model takes ${asked}.`);
    }
    // A convolution whose stride equals its kernel size is a linear map of the patches.
    const patches = pixels
      .narrow(2, 0, rows * patchSize)
      .narrow(3, 0, columns * patchSize)
      .reshape(images, channels, rows, patchSize, columns, patchSize)
      .permute(0, 2, 4, 1, 3, 5)
      .reshape(images, rows * columns, channels * patchSize ** 2);
    const embedded = linear(patches, this.#patchWeight.flatten(1), this.#patchBias);
    const first = this.#classToken.expand(images, 1, hiddenSize);
    let hidden = cat([first, embedded], 1).add(this.#places(rows, columns));
    for (const block of this.#blocks.slice(0, count)) hidden = block.forward(hidden);
    if (behindNorm && this.#norm) hidden = this.#norm.forward(hidden);
    return hidden.narrow(1, 1, rows * columns).reshape(images, rows, columns, hiddenSize);
  }

  /** The table of positions, resized where the picture has another number of patches; `[1, 1 + patches, hiddenSize]`. */
  #places(rows: number, columns: number): Tensor {
    const { hiddenSize, imageSize, patchSize } = this.config;
    const side = Math.floor(imageSize / patchSize);
    if (rows === side && columns === side) return this.#positions;
    const { dtype } = this.#positions;
    const table = this.#positions
      .narrow(1, 1, side ** 2)
      .reshape(1, side, side, hiddenSize)
      .permute(0, 3, 1, 2);
    const resized = bicubic(this.wide ? table.to("float32") : table, [rows, columns], false).to(dtype);
    const places = resized.permute(0, 2, 3, 1).reshape(1, rows * columns, hiddenSize);
    return cat([this.#positions.narrow(1, 0, 1), places], 1);
  }
}
