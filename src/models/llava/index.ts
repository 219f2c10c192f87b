/** LLaVA-1.5. */
import type { Family } from "../types.js";
import { llavaSchemas } from "./config.js";
import { llavaFacts } from "./facts.js";
import { loadLlava } from "./load.js";
import { loadLlavaImages, loadLlavaProcessor } from "./processor.js";
import { smallLlava } from "./small.js";

export { parseLlavaConfig, rowsPerImage, type LlavaConfig } from "./config.js";
export { loadLlava } from "./load.js";
export { createLlava, LlavaModel } from "./model.js";
export { llavaName } from "./names.js";
export { createLlavaProcessor, loadLlavaProcessor, type LlavaProcessorParts } from "./processor.js";

export const llava: Family = {
  ...llavaFacts,
  configSchemas: llavaSchemas,
  small: smallLlava,
  load: loadLlava,
  loadImages: loadLlavaImages,
  loadProcessor: loadLlavaProcessor,
};
