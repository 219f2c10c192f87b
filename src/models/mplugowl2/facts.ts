/** What mPLUG-Owl2's checkpoints are known by. Loads no libtorch. */
import { isDecoderVocabulary, LANGUAGE_MAPS } from "../common/parts.js";
import { prepareSquares } from "../common/prepare-squares.js";
import type { FamilyFacts } from "../types.js";

const VISION = /^model\.vision_model\./;
const PROJECTOR = /^model\.visual_abstractor\./;

export const mplugOwl2Facts: FamilyFacts = {
  modelTypes: ["mplug_owl2"],
  pictures: "square",
  partOf: (name) => (VISION.test(name) ? "vision" : PROJECTOR.test(name) ? "projector" : "language"),
  isVocabulary: isDecoderVocabulary,
  loraTargets: LANGUAGE_MAPS,
  prepareBy: prepareSquares,
};
