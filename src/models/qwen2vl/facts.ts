/** What Qwen2-VL's checkpoints are known by. Loads no libtorch. */
import { isDecoderVocabulary, LANGUAGE_MAPS } from "../common/parts.js";
import { prepareBlocks } from "../common/qwen/prepare.js";
import type { FamilyFacts } from "../types.js";

const PROJECTOR = /^visual\.merger\./;
const VISION = /^visual\./;

export const qwen2vlFacts: FamilyFacts = {
  modelTypes: ["qwen2_vl"],
  pictures: "any",
  partOf: (name) => (PROJECTOR.test(name) ? "projector" : VISION.test(name) ? "vision" : "language"),
  isVocabulary: isDecoderVocabulary,
  besideWeights: ["HPSv3.safetensors"],
  loraTargets: LANGUAGE_MAPS,
  prepareBy: prepareBlocks,
};
