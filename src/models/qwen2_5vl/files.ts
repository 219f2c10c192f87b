/** How a checkpoint folder of Qwen2.5-VL becomes a model, pictures and a processor. */
import { QWEN2_FILES, qwenFiles } from "../common/qwen/files.js";
import { parseQwen25VlConfig } from "./config.js";
import { Qwen25VlModel } from "./model.js";

const files = qwenFiles({
  ...QWEN2_FILES,
  parse: parseQwen25VlConfig,
  make: (config, source) => new Qwen25VlModel(config, source),
});

export const loadQwen25Vl = files.load;
export const loadQwen25VlImages = files.loadImages;
export const loadQwen25VlProcessor = files.loadProcessor;
