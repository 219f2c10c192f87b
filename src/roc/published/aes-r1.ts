/** Aes-R1 (ICLR 2026, arXiv 2509.21871): reasons about aesthetics, then rates in answer tags. */
import type { PublishedScorer } from "./types.js";

const REPO = "ssssmark/AesR1@6e19b49";

const BEFORE = "\nYou are an aesthetic expert. What is your overall rating on the aesthetic of this picture ";
const SCALE =
  " ? The rating should be a float between 1 and 5, rounded to two decimal places, with 1 representing very poor quality and 5 " +
  "representing excellent quality.";
const TASK = [
  " Your task:",
  "1. Think through the question, put all your thinking or reasoning process in only one pair <think>...</think> tags.",
  "2. Then provide the correct rating inside only one pair of <answer>...</answer> tags.",
  "3. No any other information or text outside of these tags. ",
  "",
  "E.g. your response should be:",
  "<think>...</think><answer>...</answer>",
  "",
  "",
].join("\n");
const SCORING =
  " First output the thinking process in <think> </think> tags and then output the final answer with only one score in <answer> " +
  "</answer> tags.";

export const aesR1: PublishedScorer = {
  name: "aes-r1",
  title: "Aes-R1",
  paper: "arXiv 2509.21871, ssssmark/AesR1",
  families: ["qwen2_5_vl"],
  names: /aes-?r1/i,
  aspects: {
    aesthetics: {
      prompts: {
        // The authors' inference reads this file, the picture where its marker is.
        example: { source: `${REPO} data/example.json`, prompt: `${BEFORE}<image>${SCALE}${TASK}` },
        // Their training takes the marker out of the same text and has the picture first.
        rapo: {
          source: `${REPO} data/example.json, train/rapo/src/open-r1-multimodal/src/open_r1/rapo.py`,
          prompt: `<image>\n${BEFORE}${SCALE}${TASK}`,
        },
        scoring: {
          source: `${REPO} data/example.json, train/rapo/src/open-r1-multimodal/src/open_r1/vlm_modules/qwen_module.py`,
          prompt: `<image>\n${BEFORE.trim()}${SCALE}${SCORING}`,
        },
      },
    },
  },
  scale: { min: 1, max: 5 },
  reading: { kind: "number", maxTokens: 2048, sampling: { temperature: 0.6 } },
};
