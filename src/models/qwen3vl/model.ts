/** Qwen3-VL (arXiv 2511.21631): a vision tower whose rows also reach the first layers of a Qwen3 decoder. */
import { Decoder, insertRows, inverseFrequencies, Params, positionsOf } from "../../nn/index.js";
import type { ParamSource, Rope } from "../../nn/index.js";
import { fromTypedArray, type Tensor } from "../../torch/index.js";
import { interleavedRope, MropeMllm, type Embedded } from "../common/qwen/mrope-mllm.js";
import { memoryName } from "../common/qwen/names.js";
import { Qwen3Vision } from "../common/qwen/qwen3-vision.js";
import type { Mllm } from "../types.js";
import { parseQwen3VlConfig, type Qwen3VlConfig } from "./config.js";

export class Qwen3VlModel extends MropeMllm implements Mllm {
  readonly family = "qwen3_vl";
  readonly #frequencies: Float32Array;

  /** Asks `source` for every parameter; see {@link createQwen3Vl}. */
  constructor(
    private readonly parsed: Qwen3VlConfig,
    source: ParamSource,
  ) {
    const root = new Params(source);
    const vision = new Qwen3Vision(root.at("model", "visual"), parsed.vision);
    const decoder = new Decoder(root.at("model", "language_model"), root, parsed.text);
    const parts = { config: parsed.raw, decoder, tensors: root.tensors, nested: true };
    super({ ...parts, vision, tokens: parsed, merge: parsed.vision.merge, framesApart: true });
    this.#frequencies = inverseFrequencies(parsed.text.headDim, parsed.text.ropeTheta);
  }

  parameterName(name: string): string {
    return memoryName(name);
  }

  /** Of a tower's rows the first part takes the placeholders' place; the others are added behind a layer each. */
  protected override insert(embeddings: Tensor, placeholders: Tensor, features: Tensor | undefined): Embedded {
    if (!features) return super.insert(embeddings, placeholders, features);
    const size = this.hiddenSize;
    const part = (index: number): Tensor => features.narrow(1, index * size, size);
    const after = Array.from({ length: features.size(1) / size - 1 }, (_, j) => part(1 + j));
    const inserted = insertRows(embeddings, placeholders, part(0));
    if (after.length === 0) return { embeddings: inserted };
    const rows = positionsOf(placeholders);
    const at = fromTypedArray(rows, [rows.length], { device: this.device });
    return { embeddings: inserted, options: { added: { at, after } } };
  }

  protected override rope(positions: Tensor): Rope {
    return interleavedRope(positions, this.#frequencies, this.parsed.sections, this.dtype);
  }
}

/**
 * A Qwen3-VL model with parameters of any source: `createQwen3Vl(config, randomSource({ seed: 1 }))` is a fresh one.
 *
 * @param config a parsed `config.json`
 * @throws RocError CONFIG_INVALID; what the source throws
 */
export function createQwen3Vl(config: unknown, source: ParamSource): Qwen3VlModel {
  return new Qwen3VlModel(parseQwen3VlConfig(config), source);
}
