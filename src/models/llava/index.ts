/** LLaVA-1.5. */
export { parseLlavaConfig, rowsPerImage, type LlavaConfig, type VisionConfig } from "./config.js";
export { llavaName, loadLlava, type LoadOptions } from "./load.js";
export { createLlava, LlavaModel } from "./model.js";
export { createLlavaProcessor, loadLlavaProcessor, type LlavaProcessorParts } from "./processor.js";
