/** What LLaVA-OneVision's checkpoints are known by. Loads no libtorch. */
import { isDecoderVocabulary, LANGUAGE_MAPS } from "../common/parts.js";
import type { FamilyFacts } from "../types.js";
import { prepareAnyres } from "./prepare.js";

const VISION = /^(model\.)?vision_tower\./;
const PROJECTOR = /^(model\.)?(multi_modal_projector\.|image_newline)/;

export const llavaOnevisionFacts: FamilyFacts = {
  modelTypes: ["llava_onevision"],
  pictures: "any",
  partOf: (name) => (VISION.test(name) ? "vision" : PROJECTOR.test(name) ? "projector" : "language"),
  isVocabulary: isDecoderVocabulary,
  loraTargets: LANGUAGE_MAPS,
  prepareBy: prepareAnyres,
};
