/** What InternVL's checkpoints are known by. Loads no libtorch. */
import { isDecoderVocabulary } from "../common/parts.js";
import type { FamilyFacts } from "../types.js";
import { prepareTiles } from "./prepare.js";

const VISION = /^(model\.)?vision_(tower|model)\./;
const PROJECTOR = /^(mlp1|(model\.)?multi_modal_projector)\./;

export const internVlFacts: FamilyFacts = {
  // The second is what the original code's files say.
  modelTypes: ["internvl", "internvl_chat"],
  pictures: "any",
  partOf: (name) => (VISION.test(name) ? "vision" : PROJECTOR.test(name) ? "projector" : "language"),
  isVocabulary: isDecoderVocabulary,
  loraTargets: String.raw`(model\.language_model|language_model\.model)\..*`,
  prepareBy: prepareTiles,
};
