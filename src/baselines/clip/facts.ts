/** What a CLIP tower with LAION's heads is known by, without libtorch. */
import { createImageProcessor } from "../../image/index.js";
import type { SystemFacts } from "../types.js";
import { LAION } from "./names.js";

/** The published networks, the one that is taken where none is named first. */
export const VARIANTS = ["v2", "v2-relu", "v1", "v1-b32", "v1-b16"] as const;

/** Pictures as today's Pillow resizes them, as those of the other systems. */
export const TODAY = { passes: "pillow13" } as const;

/** See {@link SystemFacts}. */
export const laionFacts: SystemFacts = {
  name: LAION,
  title: "LAION aesthetics (CLIP)",
  variants: VARIANTS,
  // CLIP with both halves, its tower alone, and the all-in-one repositories.
  foreignTypes: ["clip", "clip_vision_model", "aesthetics_predictor"],
  prepareBy: (steps) => {
    const processor = createImageProcessor(steps, TODAY);
    return Promise.resolve((picture) => processor.prepare(picture));
  },
};
