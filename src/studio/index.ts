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
export { PATTERN_NAMES, PATTERN_RULE, type Pattern, type Patterns } from "./patterns.js";
export { settingOf, SUBJECTS, subjectOf } from "./facts.js";
export {
  AADB_RULES,
  aadbTruths,
  COLOUR_RULE,
  colourTruth,
  PARA_RULES,
  paraTruths,
  type AadbAttribute,
  type AttributeRule,
  type ParaAttribute,
} from "./attributes.js";
export { rateAadb, rateColour, ratePara, type AadbRatings, type ParaRatings, type Ratings } from "./ratings.js";
export { labelCeilings, type LabelCeiling } from "./ceilings.js";
export { commentsOn } from "./comments/index.js";
export { exampleCompositions, renderExamples } from "./examples.js";
export { castVotes, makeRaters, raterCeiling, votesOn, type Rater, type RaterCeiling } from "./raters.js";
export { encodePhoto, JPEG_QUALITY, renderPhoto } from "./render.js";
export { drawParts, makePictures, type Picture, type StudioPictures } from "./pictures.js";
export { FORMATS as STUDIO_WRITERS, STUDIO_FORMATS, type StudioFormatName } from "./formats/index.js";
export { LABELS_VERSION, STUDIO_VERSION, type StudioRecipe } from "./recipe.js";
export { studioGallery, type GalleryOptions } from "./gallery/page.js";
export {
  writeStudio,
  writeStudioFormats,
  type WriteFormatsOptions,
  type WriteStudioOptions,
  type WrittenFormats,
  type WrittenStudio,
} from "./write.js";
