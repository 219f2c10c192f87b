/** Qwen3.5. */
import type { Family } from "../types.js";
import { qwen35Schemas } from "./config.js";
import { qwen35Facts } from "./facts.js";
import { loadQwen35, loadQwen35Images, loadQwen35Processor } from "./files.js";

export { parseQwen35Config } from "./config.js";
export { createQwen35Processor, loadQwen35 } from "./files.js";
export { createQwen35, Qwen35Model } from "./model.js";

export const qwen35: Family = {
  ...qwen35Facts,
  configSchemas: qwen35Schemas,
  load: loadQwen35,
  loadImages: loadQwen35Images,
  loadProcessor: loadQwen35Processor,
};
