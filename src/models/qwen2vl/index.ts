/** Qwen2-VL. */
import type { Family } from "../types.js";
import { qwen2VlSchemas } from "./config.js";
import { qwen2vlFacts } from "./facts.js";
import { loadQwen2Vl, loadQwen2VlImages, loadQwen2VlProcessor } from "./files.js";
import { smallQwen2Vl } from "./small.js";

export { parseQwen2VlConfig } from "./config.js";
export { createQwen2VlProcessor, loadQwen2Vl, loadQwen2VlImages } from "./files.js";
export { createQwen2Vl, Qwen2VlModel } from "./model.js";

export const qwen2vl: Family = {
  ...qwen2vlFacts,
  configSchemas: qwen2VlSchemas,
  small: smallQwen2Vl,
  load: loadQwen2Vl,
  loadImages: loadQwen2VlImages,
  loadProcessor: loadQwen2VlProcessor,
};
