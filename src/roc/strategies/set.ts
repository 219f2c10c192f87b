/**
 * Several pictures in one prompt, and in the answer a T_p for each: "The rates of the images are [SCORE], [SCORE]." as the paper
 * has several attributes in one sentence. A set of one picture is read as `roc` reads it.
 */
import type { Strategy } from "../strategy.js";
import type { RocTemplates } from "../template.js";
import type { ScoreVocabulary } from "../vocabulary.js";
import { rocStrategy } from "./roc.js";

/** What is asked where neither checkpoint nor configuration says it. */
export const SET_TEMPLATES: RocTemplates = {
  prompts: ["<image>\nPlease rate the aesthetics of each image."],
  answers: ["The aesthetic rates of the images are {overall}. "],
};

export function setStrategy(vocabulary: ScoreVocabulary): Strategy {
  return { ...rocStrategy(vocabulary), name: "set" };
}
