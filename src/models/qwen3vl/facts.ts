/** What Qwen3-VL's checkpoints are known by. Loads no libtorch. */
import { isDecoderVocabulary, LANGUAGE_MAPS } from "../common/parts.js";
import { prepareBlocks } from "../common/qwen/prepare.js";
import type { FamilyFacts } from "../types.js";

const PROJECTOR = /^model\.visual\.(merger|deepstack_merger_list)\./;
const VISION = /^model\.visual\./;

export const qwen3vlFacts: FamilyFacts = {
  modelTypes: ["qwen3_vl"],
  pictures: "any",
  partOf: (name) => (PROJECTOR.test(name) ? "projector" : VISION.test(name) ? "vision" : "language"),
  isVocabulary: isDecoderVocabulary,
  loraTargets: LANGUAGE_MAPS,
  prepareBy: prepareBlocks,
};
