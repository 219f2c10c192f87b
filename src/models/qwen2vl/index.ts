/** Qwen2-VL. */
import type { Family } from "../types.js";
import { qwen2vlFacts } from "./facts.js";
import { loadQwen2Vl } from "./load.js";
import { loadQwen2VlImages, loadQwen2VlProcessor } from "./processor.js";
import { smallQwen2Vl } from "./small.js";

export { parseQwen2VlConfig, type Qwen2VlConfig, type VisionConfig } from "./config.js";
export { loadQwen2Vl } from "./load.js";
export { createQwen2Vl, Qwen2VlModel } from "./model.js";
export { createQwen2VlProcessor, loadQwen2VlImages, loadQwen2VlProcessor } from "./processor.js";

export const qwen2vl: Family = {
  ...qwen2vlFacts,
  small: smallQwen2Vl,
  load: loadQwen2Vl,
  loadImages: loadQwen2VlImages,
  loadProcessor: loadQwen2VlProcessor,
};
