/** Qwen2-VL. */
import type { Family } from "../types.js";
import { qwen2vlFacts } from "./facts.js";
import { loadQwen2VlImages } from "./images.js";
import { loadQwen2Vl } from "./load.js";
import { loadQwen2VlProcessor } from "./processor.js";
import { smallQwen2Vl } from "./small.js";

export { parseQwen2VlConfig, type Qwen2VlConfig, type VisionConfig } from "./config.js";
export { loadQwen2VlImages, Qwen2VlImages, type ImageFiles } from "./images.js";
export { loadQwen2Vl } from "./load.js";
export { createQwen2Vl, Qwen2VlModel } from "./model.js";
export { memoryName, qwen2VlName } from "./names.js";
export { positionsOf, type Grid, type PositionRules, type Positions, type Sequences } from "./positions.js";
export {
  createQwen2VlProcessor,
  loadQwen2VlProcessor,
  type Qwen2VlProcessor,
  type Qwen2VlProcessorParts,
} from "./processor.js";
export { smartResize, type PixelLimits } from "./smart-resize.js";

export const qwen2vl: Family = {
  ...qwen2vlFacts,
  small: smallQwen2Vl,
  load: loadQwen2Vl,
  loadImages: loadQwen2VlImages,
  loadProcessor: loadQwen2VlProcessor,
};
