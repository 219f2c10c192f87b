/** mPLUG-Owl2, and Q-Align, OneAlign and ROC4MLLM, which are built on it. */
import type { Family } from "../types.js";
import { mplugOwl2Schemas } from "./config.js";
import { mplugOwl2Facts } from "./facts.js";
import { loadMplugOwl2 } from "./load.js";
import { loadMplugOwl2Images, loadMplugOwl2Processor } from "./processor.js";

export { parseMplugOwl2Config } from "./config.js";
export { promptIds } from "./conversation.js";
export { loadMplugOwl2 } from "./load.js";
export { IMAGE_ID } from "../types.js";
export { createMplugOwl2, MplugOwl2Model } from "./model.js";
export { patchPositions as patchPlaces, queryPositions as queryPlaces } from "./positions.js";
export { loadMplugOwl2Processor, mplugOwl2ImageProcessor } from "./processor.js";

export const mplugOwl2: Family = {
  ...mplugOwl2Facts,
  configSchemas: mplugOwl2Schemas,
  load: loadMplugOwl2,
  loadImages: loadMplugOwl2Images,
  loadProcessor: loadMplugOwl2Processor,
};
