/** What Qwen2-VL's and Qwen2.5-VL's checkpoints are known by. Loads no libtorch. */
import type { FamilyFacts } from "../../types.js";
import { isDecoderVocabulary, LANGUAGE_MAPS } from "../parts.js";
import { prepareBlocks } from "./prepare.js";

const PROJECTOR = /^visual\.merger\./;
const VISION = /^visual\./;

export function qwen2Facts(modelType: string): FamilyFacts {
  return {
    modelTypes: [modelType],
    pictures: "any",
    partOf: (name) => (PROJECTOR.test(name) ? "projector" : VISION.test(name) ? "vision" : "language"),
    isVocabulary: isDecoderVocabulary,
    loraTargets: LANGUAGE_MAPS,
    prepareBy: prepareBlocks,
  };
}
