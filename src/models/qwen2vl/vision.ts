/**
 * Qwen2-VL's vision transformer (arXiv 2409.12191; transformers' Qwen2VisionTransformerPretrainedModel): patches of
 * pictures of any size, places turned into q and k instead of added, and a merger of each 2 x 2 patches to one row.
 */
import { ACTIVATIONS, EncoderLayer, fanIn, inverseFrequencies, LayerNorm, Linear } from "../../nn/index.js";
import { sectionedRopeTable, type EncoderLayerNames, type Params, type Rope, type RowSpan } from "../../nn/index.js";
import { RocError } from "../../errors.js";
import { aten, fromTypedArray, type Tensor } from "../../torch/index.js";
import type { VisionConfig } from "./config.js";
import type { Grid } from "./positions.js";

const linear = aten("linear");

/** What a block's parts are called. */
const BLOCK: EncoderLayerNames = {
  norm1: "norm1",
  norm2: "norm2",
  qkv: { fused: "attn.qkv" },
  out: "attn.proj",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
};

/** LayerNorm of each patch, then two linear maps of the patches of a block side by side, with the exact GELU between. */
class Merger {
  readonly #norm: LayerNorm;
  readonly #first: Linear;
  readonly #second: Linear;
  readonly #inputs: number;

  constructor(params: Params, { hiddenSize, merge, normEps, outputSize }: VisionConfig) {
    this.#inputs = hiddenSize * merge ** 2;
    this.#norm = new LayerNorm(params.at("ln_q"), hiddenSize, normEps);
    this.#first = new Linear(params.at("mlp", 0), this.#inputs, this.#inputs, { bias: true });
    this.#second = new Linear(params.at("mlp", 2), this.#inputs, outputSize, { bias: true });
  }

  forward(patches: Tensor): Tensor {
    const blocks = this.#norm.forward(patches).view(-1, this.#inputs);
    return this.#second.forward(ACTIVATIONS.gelu(this.#first.forward(blocks)));
  }
}

export class Qwen2Vision {
  readonly #patchEmbedding: Tensor;
  readonly #layers: readonly EncoderLayer[];
  readonly #merger: Merger;
  readonly #frequencies: Float32Array;

  constructor(
    params: Params,
    private readonly config: VisionConfig,
  ) {
    const { hiddenSize, channels, frames, patchSize, layers, heads, ropeTheta } = config;
    const shape = [hiddenSize, channels, frames, patchSize, patchSize];
    this.#patchEmbedding = params.at("patch_embed", "proj").get("weight", shape, fanIn(this.#patchValues));
    this.#layers = Array.from({ length: layers }, (_, i) => new EncoderLayer(params.at("blocks", i), BLOCK, config));
    this.#merger = new Merger(params.at("merger"), config);
    // The same frequencies for the row as for the column, each for half of a head's.
    const half = inverseFrequencies(hiddenSize / heads / 2, ropeTheta);
    this.#frequencies = Float32Array.from([...half, ...half]);
  }

  get #patchValues(): number {
    const { channels, frames, patchSize } = this.config;
    return channels * frames * patchSize ** 2;
  }

  /**
   * @param patches `[patches, channels * frames * patchSize²]` of all pictures, block by block
   * @param grids of each picture or video
   * @returns `[rows, outputSize]`: the pictures' rows in order
   * @throws RocError USAGE where patches and grids do not go together
   */
  forward(patches: Tensor, grids: readonly Grid[]): Tensor {
    checkGrids(patches.shape, grids, this.#patchValues, this.config.merge);
    const rows = linear(patches, this.#patchEmbedding.flatten(1), null);
    const spans = spansOf(grids);
    // Frames of one size are a batch; those of several are packed into one row.
    const frames = spans.length === 1 ? (spans[0]?.count ?? 1) : 1;
    const rope = this.#rotaryTable(grids, frames, patches.device);
    let hidden = rows.view(frames, -1, this.config.hiddenSize);
    for (const layer of this.#layers) hidden = layer.forward(hidden, rope, spans.length === 1 ? undefined : spans);
    return this.#merger.forward(hidden.flatten(0, 1));
  }

  /** In float32 whatever the model's dtype, as the reference turns q and k. */
  #rotaryTable(grids: readonly Grid[], frames: number, device: string): Rope {
    const flat = positionsOf(grids, this.config.merge);
    const positions = fromTypedArray(flat, [2, frames, flat.length / 2 / frames], { device });
    const half = this.#frequencies.length / 2;
    return sectionedRopeTable(positions, this.#frequencies, [half, half], "float32");
  }
}

/** Attention stays within a frame; consecutive frames of one size are computed side by side. */
function spansOf(grids: readonly Grid[]): RowSpan[] {
  const spans: { rows: number; count: number }[] = [];
  for (const [frames, height, width] of grids) {
    const last = spans.at(-1);
    if (last?.rows === height * width) last.count += frames;
    else spans.push({ rows: height * width, count: frames });
  }
  return spans;
}

/** Row and column of every patch, `[2, patches]`, block by block as the patches are ordered. */
function positionsOf(grids: readonly Grid[], merge: number): Int32Array {
  const patches = grids.reduce((sum, [frames, height, width]) => sum + frames * height * width, 0);
  const positions = new Int32Array(2 * patches);
  let at = 0;
  for (const [frames, height, width] of grids) {
    for (let frame = 0; frame < frames; frame++) {
      for (let top = 0; top < height; top += merge) {
        for (let left = 0; left < width; left += merge) {
          for (let inside = 0; inside < merge ** 2; inside++, at++) {
            positions[at] = top + Math.floor(inside / merge);
            positions[patches + at] = left + (inside % merge);
          }
        }
      }
    }
  }
  return positions;
}

function checkGrids([found = 0, size]: readonly number[], grids: readonly Grid[], values: number, merge: number): void {
  const wrong = grids.find(([t, h, w]) => !(t > 0 && h > 0 && w > 0) || h % merge !== 0 || w % merge !== 0);
  const asked = grids.reduce((sum, [t, h, w]) => sum + t * h * w, 0);
  if (wrong) throw new RocError("USAGE", `imageGridThw holds [${wrong.join(", ")}]: sides are multiples of ${merge}.`);
  if (found === asked && size === values) return;
  const text = `pixelValues is [${found}, ${size}], the grids and the model ask for [${asked}, ${values}]`;
  throw new RocError("USAGE", `${text}. Make both with the processor's images().`);
}
