/** Qwen2.5-VL (arXiv 2502.13923): Qwen2-VL with a vision tower that sees windows, and videos placed by their seconds. */
import type { EncoderLayerNames, ParamSource } from "../../nn/index.js";
import { Qwen2Mllm } from "../common/qwen/qwen2-mllm.js";
import type { Mllm } from "../types.js";
import { parseQwen25VlConfig, type Qwen25VlConfig } from "./config.js";

const BLOCK: EncoderLayerNames = {
  norm1: "norm1",
  norm2: "norm2",
  qkv: { fused: "attn.qkv" },
  out: "attn.proj",
  gate: "mlp.gate_proj",
  fc1: "mlp.up_proj",
  fc2: "mlp.down_proj",
};

export class Qwen25VlModel extends Qwen2Mllm implements Mllm {
  readonly family = "qwen2_5_vl";
  readonly #tokensPerSecond: number;

  /** Asks `source` for every parameter; see {@link createQwen25Vl}. */
  constructor(parsed: Qwen25VlConfig, source: ParamSource) {
    super(parsed, source, BLOCK);
    this.#tokensPerSecond = parsed.tokensPerSecond;
  }

  /** A grid of frames is taken to last a second where nothing says how long it does (as in transformers). */
  protected override frameStep(seconds = 1): number {
    return this.#tokensPerSecond * seconds;
  }
}

/**
 * A Qwen2.5-VL model with parameters of any source: `createQwen25Vl(config, randomSource({ seed: 1 }))` is a fresh one.
 *
 * @param config a parsed `config.json`
 * @throws RocError CONFIG_INVALID; what the source throws
 */
export function createQwen25Vl(config: unknown, source: ParamSource): Qwen25VlModel {
  return new Qwen25VlModel(parseQwen25VlConfig(config), source);
}
