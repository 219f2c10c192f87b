/** Models of a {@link PatchTower} and a Qwen2 decoder: Qwen2-VL, Qwen2.5-VL. Names are those of the public files. */
import { Decoder, inverseFrequencies, Params } from "../../../nn/index.js";
import type { EncoderLayerNames, ParamSource, Rope } from "../../../nn/index.js";
import type { Tensor } from "../../../torch/index.js";
import type { QwenConfig } from "./config.js";
import { MropeMllm, sectionedRope } from "./mrope-mllm.js";
import { memoryName, publicName } from "./names.js";
import { PatchTower, type TowerConfig } from "./tower.js";

/** A checked config of either. */
export type Qwen2Config = QwenConfig<TowerConfig>;

export abstract class Qwen2Mllm extends MropeMllm {
  readonly #frequencies: Float32Array;
  readonly #sections: readonly number[];

  /** Asks `source` for every parameter. @param block names of the parts of the tower's blocks */
  constructor(parsed: Qwen2Config, source: ParamSource, block: EncoderLayerNames) {
    const root = new Params(source);
    const vision = new PatchTower(root.at("visual"), parsed.vision, block);
    const decoder = new Decoder(root.at("model"), root, parsed.text);
    const text = parsed.raw["text_config"];
    const nested = typeof text === "object" && text !== null;
    const { merge } = parsed.vision;
    super({ config: parsed.raw, decoder, tensors: root.tensors, nested, vision, tokens: parsed, merge });
    this.#frequencies = inverseFrequencies(parsed.text.headDim, parsed.text.ropeTheta);
    this.#sections = parsed.sections;
  }

  parameterName(name: string): string {
    return publicName(name);
  }

  transformersName(name: string): string {
    return memoryName(name);
  }

  protected override rope(positions: Tensor): Rope {
    return sectionedRope(positions, this.#frequencies, this.#sections, this.dtype);
  }
}
