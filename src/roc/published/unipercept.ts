/** UniPercept (arXiv 2512.21675): ArtiMuse's words for aesthetics, quality, and structure and texture. */
import { ONE_TILE } from "./artimuse.js";
import { LETTERS } from "./letters.js";
import type { PublishedAspect, PublishedScorer } from "./types.js";

const SOURCE =
  "thunderbolt215/UniPercept@34660ff src/internvl/model/internvl_chat/modeling_unipercept.py, src/eval/eval_vr.py";

/** The authors' words, with their 73-ec and 74-ed: the model was trained on them. No line break follows the picture. */
function aspect(description: string): PublishedAspect {
  const lines = [
    `<image>Rate the ${description} score of the image in 0-100. In the output format, numbers are replaced by 2 corresponding ` +
      "letters, and the mapping relationship is: score 0 to 25: 0-aa, 1-ab, 2-ac, 3-ad, ... , 25-az, ",
    "score 26 to 50: 26-ca, 27-cb, 28-cc, 29-cd, ..., 50-cy, ",
    "score 51 to 75: 51-da, 52-db, 53-dc, 54-dd, ..., 75-dy, ",
    "score 76 to 100: 76-ea, 77-eb, 73-ec, 74-ed, ..., 100-ey. ",
    "The answer only outputs 2 corresponding letters.",
  ];
  return { prompts: { unipercept: { source: SOURCE, prompt: lines.join("\n") } } };
}

export const uniPercept: PublishedScorer = {
  name: "unipercept",
  title: "UniPercept",
  paper: "arXiv 2512.21675, thunderbolt215/UniPercept",
  families: ["internvl_chat"],
  names: /unipercept/i,
  known: {
    how: "code of its folder that is named after it",
    by: ({ files }) => files.some((file) => /(^|_)unipercept\.py$/i.test(file)),
  },
  aspects: {
    aesthetics: aspect("aesthetics"),
    quality: aspect("quality"),
    structure: aspect("structure and texture richness"),
  },
  scale: { min: 0, max: 100 },
  reading: { kind: "words", words: LETTERS, whole: true },
  files: ONE_TILE,
};
