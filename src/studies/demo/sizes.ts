/** The demo's small model and its texts: plain data, known to the command line before libtorch is loaded. */
import type { SmallSizes } from "../../models/types.js";
import type { RocTemplates } from "../../roc/template.js";

/** The demo's architecture. */
export const DEMO_FAMILY = "llava";

/** Sizes of the demo model; each is an option of `train-demo`. */
export interface DemoModel extends SmallSizes {
  /** How a picture becomes a square: "stretch" keeps every pixel's place, "pad" the picture's proportions. */
  readonly resize: "stretch" | "pad";
  /** Most token ids, before the score tokens. */
  readonly vocabulary: number;
}

export const DEMO_MODEL: DemoModel = {
  imageSize: 112,
  patch: 16,
  resize: "stretch",
  visionWidth: 160,
  visionLayers: 4,
  visionHeads: 4,
  textWidth: 128,
  textLayers: 2,
  textHeads: 4,
  vocabulary: 600,
};

const ASPECTS =
  "Exposure {exposure}, contrast {contrast}, saturation {saturation}, harmony {harmony}, motion {motion}, noise {noise}";

/** The released code's texts first, then paraphrases. */
export const DEMO_TEMPLATES: RocTemplates = {
  prompts: [
    "<image>\nCould you evaluate the aesthetics of this image?",
    "<image>\nPlease rate the aesthetics of the image.",
    "<image>\nHow good is this photo?",
    "<image>\nWhat score would you give this picture?",
  ],
  answers: [
    "The aesthetic rate of the image is {overall}. ",
    "I would rate this photo {overall}. ",
    // With the composed factors that every scene has, that most have, and that a few have: what a picture is good or bad
    // in teaches the model to see it.
    `The aesthetic rate of the image is {overall}. ${ASPECTS}. `,
    `The aesthetic rate of the image is {overall}. ${ASPECTS}, clutter {clutter}, placement {placement}. `,
    `The aesthetic rate of the image is {overall}. ${ASPECTS}, clutter {clutter}, placement {placement}, depth {depth}. `,
  ],
};

/** What the tokenizer learns its pieces from: the words around the scores, twice, since it merges what recurs. */
export function tokenizerTexts({ prompts, answers }: RocTemplates): string[] {
  const questions = prompts.map((prompt) => `USER: ${prompt} ASSISTANT:`);
  const replies = answers.flatMap((answer) => ` ${answer}`.split(/\{\w+\}/));
  return [...questions, ...replies, ...questions, ...replies];
}
