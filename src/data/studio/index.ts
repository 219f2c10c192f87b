/** The synthetic studio: photographs whose quality is known because it was composed. */
export {
  ASPECTS,
  compose,
  CORRELATION,
  FACTOR_NAMES,
  FACTORS,
  factorsOf,
  latentQuality,
  SCENE_LACKS,
  SCENE_NAMES,
  type Aspect,
  type Composition,
  type CompositionOverrides,
  type Factor,
  type Merits,
  type SceneName,
} from "./factors.js";
export { exampleCompositions, renderExamples } from "./examples.js";
export { castVotes, makeRaters, raterCeiling, votesOn, type Rater, type RaterCeiling } from "./raters.js";
export { readStudio } from "./read.js";
export { encodePhoto, JPEG_QUALITY, renderPhoto } from "./render.js";
export {
  STUDIO_VERSION,
  writeStudio,
  type StudioRecipe,
  type WriteStudioOptions,
  type WrittenStudio,
} from "./write.js";
