/** Reads Qwen3.5 checkpoints, tied and untied. */
import type { FolderLike } from "../../files/index.js";
import { loadQwen } from "../common/qwen/load.js";
import { memoryName } from "../common/qwen/names.js";
import type { FamilyLoadOptions } from "../types.js";
import { parseQwen35Config } from "./config.js";
import { Qwen35Model } from "./model.js";

/** Loads a folder; throws as `loadQwen`. */
export function loadQwen35(folder: FolderLike, options: FamilyLoadOptions = {}): Promise<Qwen35Model> {
  return loadQwen(folder, options, {
    matrices: { embedding: "model.language_model.embed_tokens.weight", head: "lm_head.weight" },
    rename: memoryName,
    // The layers that guess a further token each (multi-token prediction), which transformers leaves out, too; the vision tower's
    // frequencies.
    computed: /^mtp\.|^model\.visual\.rotary_pos_emb\.inv_freq$/,
    parse: parseQwen35Config,
    make: (config, source) => new Qwen35Model(config, source),
  });
}
