/** Qwen2.5-VL. */
import type { Family } from "../types.js";
import { qwen25VlSchemas } from "./config.js";
import { qwen25vlFacts } from "./facts.js";
import { loadQwen25Vl, loadQwen25VlImages, loadQwen25VlProcessor } from "./files.js";

export { parseQwen25VlConfig } from "./config.js";
export { loadQwen25Vl } from "./files.js";
export { createQwen25Vl } from "./model.js";

export const qwen25vl: Family = {
  ...qwen25vlFacts,
  configSchemas: qwen25VlSchemas,
  load: loadQwen25Vl,
  loadImages: loadQwen25VlImages,
  loadProcessor: loadQwen25VlProcessor,
};
