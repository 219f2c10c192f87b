/** What Qwen3.5's checkpoints are known by. Loads no libtorch. */
import { isDecoderVocabulary, LANGUAGE_MAPS } from "../common/parts.js";
import { prepareBlocks } from "../common/qwen/prepare.js";
import type { FamilyFacts } from "../types.js";

const PROJECTOR = /^model\.visual\.merger\./;
const VISION = /^model\.visual\./;

export const qwen35Facts: FamilyFacts = {
  modelTypes: ["qwen3_5"],
  refused: {
    qwen3_5_text:
      "it is Qwen3.5's language model alone, which sees no pictures: take the checkpoint of model_type qwen3_5",
    qwen3_5_moe: "its experts are not supported: take one of the dense models (Qwen3.5-0.8B to 27B)",
  },
  pictures: "any",
  partOf: (name) => (PROJECTOR.test(name) ? "projector" : VISION.test(name) ? "vision" : "language"),
  isVocabulary: isDecoderVocabulary,
  loraTargets: LANGUAGE_MAPS,
  prepareBy: prepareBlocks,
};
