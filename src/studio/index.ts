/** The synthetic studio: photographs whose quality is known because it was composed. */
export {
  compose,
  CORRELATION,
  FACTORS,
  factorsOf,
  latentQuality,
  SCENE_NAMES,
  type Composition,
  type CompositionOverrides,
  type Factor,
  type Merits,
  type SceneName,
} from "./factors.js";
export { PATTERN_NAMES, PATTERN_RULE, type Patterns } from "./patterns.js";
export { SUBJECTS, subjectOf } from "./facts.js";
export { aadbTruths, colourTruth, paraTruths } from "./attributes.js";
export { rateAadb, rateColour, rateFlickr, rateFlive, rateKadid, rateKoniq, ratePara, rateSpaq } from "./ratings.js";
export { labelCeilings } from "./ceilings.js";
export { commentsOn } from "./comments/index.js";
export { makeRaters, raterCeiling, votesOn, type RaterCeiling } from "./raters.js";
export { encodePhoto, renderPhoto } from "./render.js";
export { drawParts, makePictures, type Picture } from "./pictures.js";
export { STUDIO_FORMATS, type StudioFormatName } from "./formats/index.js";
export { studioGallery } from "./gallery/page.js";
export { writeStudio, writeStudioFormats, type WriteFormatsOptions } from "./write.js";
