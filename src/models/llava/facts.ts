/** What LLaVA's checkpoints are known by. Loads no libtorch. */
import { isDecoderVocabulary, LANGUAGE_MAPS } from "../common/parts.js";
import { prepareSquares } from "../common/prepare-squares.js";
import type { FamilyFacts } from "../types.js";
import { PROJECTOR_FILE, separateTower } from "./tower.js";

const VISION = /^(model\.)?vision_tower\./;
const PROJECTOR = /^(multi_modal_projector|model\.mm_projector)\./;

export const llavaFacts: FamilyFacts = {
  // The second is what the original code has called itself since 2024.
  modelTypes: ["llava", "llava_llama"],
  pictures: "square",
  partOf: (name) => (VISION.test(name) ? "vision" : PROJECTOR.test(name) ? "projector" : "language"),
  isVocabulary: isDecoderVocabulary,
  loraTargets: LANGUAGE_MAPS,
  besideWeights: [PROJECTOR_FILE],
  tower: separateTower,
  prepareBy: prepareSquares,
};
