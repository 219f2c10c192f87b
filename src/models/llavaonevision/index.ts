/** LLaVA-OneVision. */
import type { Family } from "../types.js";
import { onevisionSchemas } from "./config.js";
import { llavaOnevisionFacts } from "./facts.js";
import { loadLlavaOnevisionImages } from "./images.js";
import { loadLlavaOnevision } from "./load.js";
import { loadLlavaOnevisionProcessor } from "./processor.js";

export { parseLlavaOnevisionConfig } from "./config.js";
export { loadLlavaOnevisionImages } from "./images.js";
export { loadLlavaOnevision } from "./load.js";
export { createLlavaOnevision, type LlavaOnevisionModel } from "./model.js";
export { memoryName } from "./names.js";
export { createLlavaOnevisionProcessor } from "./processor.js";
export { planOf, rowsOf } from "./anyres.js";

export const llavaOnevision: Family = {
  ...llavaOnevisionFacts,
  configSchemas: onevisionSchemas,
  load: loadLlavaOnevision,
  loadImages: loadLlavaOnevisionImages,
  loadProcessor: loadLlavaOnevisionProcessor,
};
