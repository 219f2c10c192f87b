/**
 * Qwen3.5: Qwen3-VL's vision tower without deepstack, and a decoder of which most layers have a Gated DeltaNet (arXiv 2412.06464)
 * in the place of attention, and the others a gate (arXiv 2505.06708). Its reference is transformers' Qwen3_5Model.
 */
import { Decoder, inverseFrequencies, Params, type ParamSource, type Rope } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { interleavedRope, MropeMllm } from "../common/qwen/mrope-mllm.js";
import { memoryName } from "../common/qwen/names.js";
import { Qwen3Vision } from "../common/qwen/qwen3-vision.js";
import type { Mllm } from "../types.js";
import { parseQwen35Config, type Qwen35Config } from "./config.js";

export class Qwen35Model extends MropeMllm implements Mllm {
  readonly family = "qwen3_5";
  readonly #frequencies: Float32Array;

  /** Asks `source` for every parameter; see {@link createQwen35}. */
  constructor(
    private readonly parsed: Qwen35Config,
    source: ParamSource,
  ) {
    const root = new Params(source);
    const vision = new Qwen3Vision(root.at("model", "visual"), parsed.vision);
    const decoder = new Decoder(root.at("model", "language_model"), root, parsed.text);
    const parts = { config: parsed.raw, decoder, tensors: root.tensors, nested: true };
    super({ ...parts, vision, tokens: parsed, merge: parsed.vision.merge, framesApart: true });
    const { rotaryDim, headDim, ropeTheta } = parsed.text;
    this.#frequencies = inverseFrequencies(rotaryDim ?? headDim, ropeTheta);
  }

  parameterName(name: string): string {
    return memoryName(name);
  }

  protected override rope(positions: Tensor): Rope {
    return interleavedRope(positions, this.#frequencies, this.parsed.sections, this.dtype);
  }
}

/**
 * A Qwen3.5 model with parameters of any source: `createQwen35(config, randomSource({ seed: 1 }))` is a fresh one.
 *
 * @param config a parsed `config.json`
 * @throws RocError CONFIG_INVALID; what the source throws
 */
export function createQwen35(config: unknown, source: ParamSource): Qwen35Model {
  return new Qwen35Model(parseQwen35Config(config), source);
}
