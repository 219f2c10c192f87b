/** Q-SiT (arXiv 2503.09197): capitalised level words behind a stem that ends in a blank. */
import type { PublishedScorer } from "./types.js";

const PROMPT =
  "Assume you are an image quality evaluator. \n" +
  "Your rating should be chosen from the following five categories: Excellent, Good, Fair, Poor, and Bad (from high to low). \n" +
  "How would you rate the quality of this image?<image>";

export const qSit: PublishedScorer = {
  name: "q-sit",
  title: "Q-SiT and Q-SiT-mini",
  paper: "arXiv 2503.09197, Q-Future/Q-SiT",
  families: ["llava_onevision"],
  names: /q-?sit/i,
  aspects: {
    quality: {
      prompts: {
        "q-sit": {
          source: "Q-Future/Q-SiT@4e4d1df eval_scripts/qsit_transformers_test_iqa.py",
          prompt: PROMPT,
          stem: "The quality of this image is ",
        },
      },
    },
  },
  scale: { min: 0, max: 1 },
  reading: { kind: "words", words: ["Bad", "Poor", "Fair", "Good", "Excellent"] },
};
