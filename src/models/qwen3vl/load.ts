/** Reads Qwen3-VL checkpoints, tied (2B, 4B) and untied (8B). */
import type { FolderLike } from "../../files/index.js";
import { loadQwen } from "../common/qwen/load.js";
import { memoryName } from "../common/qwen/names.js";
import type { FamilyLoadOptions } from "../types.js";
import { parseQwen3VlConfig } from "./config.js";
import { Qwen3VlModel } from "./model.js";

/** Loads a folder; throws as `loadQwen`. */
export function loadQwen3Vl(folder: FolderLike, options: FamilyLoadOptions = {}): Promise<Qwen3VlModel> {
  return loadQwen(folder, options, {
    matrices: { embedding: "model.language_model.embed_tokens.weight", head: "lm_head.weight" },
    // The public files have the names in transformers' memory; those of Qwen2-VL's layout are read, too.
    rename: memoryName,
    // The vision tower's frequencies.
    computed: /^model\.visual\.rotary_pos_emb\.inv_freq$/,
    parse: parseQwen3VlConfig,
    make: (config, source) => new Qwen3VlModel(config, source),
  });
}
