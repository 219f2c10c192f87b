/** How a checkpoint folder of Qwen3.5, tied or untied, becomes a model, pictures and a processor. */
import { QWEN3_FILES, qwenFiles } from "../common/qwen/files.js";
import { parseQwen35Config } from "./config.js";
import { Qwen35Model } from "./model.js";

const files = qwenFiles({
  ...QWEN3_FILES,
  // The layers that guess a further token each (multi-token prediction), which transformers leaves out, too; the vision tower's
  // frequencies.
  computed: /^mtp\.|^model\.visual\.rotary_pos_emb\.inv_freq$/,
  // Without a system turn, and with an empty thought: an answer is scored where it is given at once, whichever way a
  // checkpoint's template takes where it is not asked (the smaller ones do not think, the larger ones do).
  words: { lead: "<think>\n\n</think>\n\n", variables: { enable_thinking: false } },
  parse: parseQwen35Config,
  make: (config, source) => new Qwen35Model(config, source),
});

export const loadQwen35 = files.load;
export const loadQwen35Images = files.loadImages;
export const loadQwen35Processor = files.loadProcessor;
export const createQwen35Processor = files.createProcessor;
