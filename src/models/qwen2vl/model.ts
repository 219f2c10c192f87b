/** Qwen2-VL (arXiv 2409.12191). */
import type { EncoderLayerNames, ParamSource } from "../../nn/index.js";
import { Qwen2Mllm, type Qwen2Config } from "../common/qwen/qwen2-mllm.js";
import type { Mllm } from "../types.js";
import { parseQwen2VlConfig } from "./config.js";

const BLOCK: EncoderLayerNames = {
  norm1: "norm1",
  norm2: "norm2",
  qkv: { fused: "attn.qkv" },
  out: "attn.proj",
  fc1: "mlp.fc1",
  fc2: "mlp.fc2",
};

export class Qwen2VlModel extends Qwen2Mllm implements Mllm {
  readonly family = "qwen2_vl";

  /** Asks `source` for every parameter; see {@link createQwen2Vl}. */
  constructor(parsed: Qwen2Config, source: ParamSource) {
    super(parsed, source, BLOCK);
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
