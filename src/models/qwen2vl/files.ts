/** How a checkpoint folder of Qwen2-VL becomes a model, pictures and a processor. */
import { QWEN2_FILES, qwenFiles } from "../common/qwen/files.js";
import { parseQwen2VlConfig } from "./config.js";
import { Qwen2VlModel } from "./model.js";

const files = qwenFiles({
  ...QWEN2_FILES,
  parse: parseQwen2VlConfig,
  make: (config, source) => new Qwen2VlModel(config, source),
});

export const loadQwen2Vl = files.load;
export const loadQwen2VlImages = files.loadImages;
export const loadQwen2VlProcessor = files.loadProcessor;
export const createQwen2VlProcessor = files.createProcessor;
