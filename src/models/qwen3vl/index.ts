/** Qwen3-VL. */
import type { Family } from "../types.js";
import { qwen3VlSchemas } from "./config.js";
import { qwen3vlFacts } from "./facts.js";
import { loadQwen3Vl, loadQwen3VlImages, loadQwen3VlProcessor } from "./files.js";

export { parseQwen3VlConfig } from "./config.js";
export { createQwen3VlProcessor, loadQwen3Vl, loadQwen3VlImages } from "./files.js";
export { createQwen3Vl, Qwen3VlModel } from "./model.js";

export const qwen3vl: Family = {
  ...qwen3vlFacts,
  configSchemas: qwen3VlSchemas,
  load: loadQwen3Vl,
  loadImages: loadQwen3VlImages,
  loadProcessor: loadQwen3VlProcessor,
};
