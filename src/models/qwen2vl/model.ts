/** Qwen2-VL (arXiv 2409.12191): its vision tower and a Qwen2 decoder. Names are those of the public files. */
import { Decoder, inverseFrequencies, Params, type ParamSource, type Rope } from "../../nn/index.js";
import type { Tensor } from "../../torch/index.js";
import { MropeMllm, sectionedRope } from "../common/qwen/mrope-mllm.js";
import { memoryName, publicName } from "../common/qwen/names.js";
import type { Mllm } from "../types.js";
import { parseQwen2VlConfig, type Qwen2VlConfig } from "./config.js";
import { Qwen2Vision } from "./vision.js";

export class Qwen2VlModel extends MropeMllm implements Mllm {
  readonly family = "qwen2_vl";
  readonly #frequencies: Float32Array;

  /** Asks `source` for every parameter; see {@link createQwen2Vl}. */
  constructor(
    private readonly parsed: Qwen2VlConfig,
    source: ParamSource,
  ) {
    const root = new Params(source);
    const vision = new Qwen2Vision(root.at("visual"), parsed.vision);
    const decoder = new Decoder(root.at("model"), root, parsed.text);
    const text = parsed.raw["text_config"];
    const nested = typeof text === "object" && text !== null;
    const { merge } = parsed.vision;
    super({ config: parsed.raw, decoder, tensors: root.tensors, nested, vision, tokens: parsed, merge });
    this.#frequencies = inverseFrequencies(parsed.text.headDim, parsed.text.ropeTheta);
  }

  parameterName(name: string): string {
    return publicName(name);
  }

  transformersName(name: string): string {
    return memoryName(name);
  }

  protected override rope(positions: Tensor): Rope {
    return sectionedRope(positions, this.#frequencies, this.parsed.sections, this.dtype);
  }
}

/**
 * A Qwen2-VL model with parameters of any source: `createQwen2Vl(config, randomSource({ seed: 1 }))` is a fresh one.
 *
 * @param config a parsed `config.json`
 * @throws RocError CONFIG_INVALID; what the source throws
 */
export function createQwen2Vl(config: unknown, source: ParamSource): Qwen2VlModel {
  return new Qwen2VlModel(parseQwen2VlConfig(config), source);
}
