/** Reads Qwen2-VL checkpoints, tied (2B) and untied (7B), in the public layout and in that of transformers' memory. */
import type { FolderLike } from "../../files/index.js";
import { loadQwen } from "../common/qwen/load.js";
import { publicName } from "../common/qwen/names.js";
import type { FamilyLoadOptions } from "../types.js";
import { parseQwen2VlConfig } from "./config.js";
import { Qwen2VlModel } from "./model.js";

/** Loads a folder; throws as `loadQwen`. */
export function loadQwen2Vl(folder: FolderLike, options: FamilyLoadOptions = {}): Promise<Qwen2VlModel> {
  return loadQwen(folder, options, {
    matrices: { embedding: "model.embed_tokens.weight", head: "lm_head.weight" },
    rename: publicName,
    // The vision tower's frequencies; the reward head of HPSv3, which its reading has.
    computed: /^(visual\.rotary_pos_emb\.inv_freq$|rm_head\.)/,
    parse: parseQwen2VlConfig,
    make: (config, source) => new Qwen2VlModel(config, source),
  });
}
