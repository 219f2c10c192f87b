/** LLaVA-1.5. */
import type { Family } from "../types.js";
import { loadLlava } from "./load.js";
import { loadLlavaImages, loadLlavaProcessor } from "./processor.js";

export { parseLlavaConfig, rowsPerImage, type LlavaConfig, type VisionConfig } from "./config.js";
export { loadLlava } from "./load.js";
export { createLlava, LlavaModel } from "./model.js";
export { llavaName } from "./names.js";
export { isOriginal } from "./original.js";
export { createLlavaProcessor, loadLlavaProcessor, type LlavaProcessorParts } from "./processor.js";
export { towerFolder } from "./tower.js";

export const llava: Family = { load: loadLlava, loadImages: loadLlavaImages, loadProcessor: loadLlavaProcessor };
