/** InternVL: transformers' layout and the original code's. */
import type { Family } from "../types.js";
import { internVlSchemas } from "./config.js";
import { internVlFacts } from "./facts.js";
import { loadInternVlImages } from "./images.js";
import { loadInternVl } from "./load.js";
import { loadInternVlProcessor } from "./processor.js";

export { parseInternVlConfig } from "./config.js";
export { loadInternVl } from "./load.js";
export { createInternVl, type InternVlModel } from "./model.js";
export { gridOf } from "./prepare.js";
export { createInternVlProcessor, loadInternVlProcessor } from "./processor.js";

export const internVl: Family = {
  ...internVlFacts,
  configSchemas: internVlSchemas,
  load: loadInternVl,
  loadImages: loadInternVlImages,
  loadProcessor: loadInternVlProcessor,
};
