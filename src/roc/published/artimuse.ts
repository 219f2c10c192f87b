/** ArtiMuse (CVPR 2026, arXiv 2507.14533): a word of two letters a score, and eight written aspects. */
import { LETTERS } from "./letters.js";
import type { PublishedScorer } from "./types.js";

const REPO = "thunderbolt215/ArtiMuse@750d980";

/** Indented, with blanks at the ends of lines, as it is in the authors' code. */
const QUESTION = [
  "",
  "        Rate the aesthetics score of the image in 0-100. ",
  "        In the output format, numbers are replaced by 2 corresponding letters, ",
  "        and the mapping relationship is: ",
  "        score 0 to 25: 0-aa, 1-ab, 2-ac, 3-ad, ... , 25-az,",
  "        score 26 to 50: 26-ca, 27-cb, 28-cc, 29-cd, ..., 50-cy,",
  "        score 51 to 75: 51-da, 52-db, 53-dc, 54-dd, ..., 75-dy,",
  "        score 76 to 100: 76-ea, 77-eb, 78-ec, 79-ed, ..., 100-ey.",
  "",
  "        The answer only outputs 2 corresponding letters.",
  "        ",
].join("\n");

const ATTRIBUTES = [
  "Composition & Design",
  "Visual Elements & Structure",
  "Technical Execution",
  "Originality & Creativity",
  "Theme & Communication",
  "Emotion & Viewer Response",
  "Overall Gestalt",
  "Comprehensive Evaluation",
];

/** One picture is one square of 448 pixels: no tiles. */
export const ONE_TILE = { "config.json": { dynamic_image_size: false, max_dynamic_patch: 1, use_thumbnail: false } };

export const artiMuse: PublishedScorer = {
  name: "artimuse",
  title: "ArtiMuse, and its AVA, PARA, TAD66K and FLICKR-AES",
  paper: "arXiv 2507.14533, thunderbolt215/ArtiMuse",
  families: ["internvl_chat"],
  names: /artimuse/i,
  known: {
    how: "code of its folder that is named after it",
    by: ({ files }) => files.some((file) => /(^|_)artimuse\.py$/i.test(file)),
  },
  aspects: {
    aesthetics: {
      prompts: {
        artimuse: {
          source: `${REPO} src/artimuse/internvl/model/internvl_chat/modeling_artimuse.py`,
          prompt: `<image>\n${QUESTION}`,
        },
      },
    },
  },
  scale: { min: 0, max: 100 },
  reading: { kind: "words", words: LETTERS, whole: true },
  comments: Object.fromEntries(
    ATTRIBUTES.map((name) => [
      name,
      `<image>\nPlease evaluate the aesthetic quality of this image from the aspect of ${name}.`,
    ]),
  ),
  files: ONE_TILE,
};
