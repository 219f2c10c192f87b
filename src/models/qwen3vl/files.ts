/** How a checkpoint folder of Qwen3-VL, tied (2B, 4B) or untied (8B), becomes a model, pictures and a processor. */
import { QWEN3_FILES, qwenFiles } from "../common/qwen/files.js";
import { parseQwen3VlConfig } from "./config.js";
import { Qwen3VlModel } from "./model.js";

const files = qwenFiles({
  ...QWEN3_FILES,
  // The vision tower's frequencies.
  computed: /^model\.visual\.rotary_pos_emb\.inv_freq$/,
  // Without a system turn.
  words: {},
  parse: parseQwen3VlConfig,
  make: (config, source) => new Qwen3VlModel(config, source),
});

export const loadQwen3Vl = files.load;
export const loadQwen3VlImages = files.loadImages;
export const loadQwen3VlProcessor = files.loadProcessor;
export const createQwen3VlProcessor = files.createProcessor;
