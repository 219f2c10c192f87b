/** VisualQuality-R1 (NeurIPS 2025, arXiv 2505.14460): a rating in answer tags, with or without reasoning before it. */
import type { PublishedPrompt, PublishedScorer } from "./types.js";

const QUESTION =
  "You are doing the image quality assessment task. Here is the question: What is your overall rating on the quality of this " +
  "picture? The rating should be a float between 1 and 5, rounded to two decimal places, with 1 representing very poor quality " +
  "and 5 representing excellent quality.";

/** The authors have the template number their pictures. */
function prompt(how: string): PublishedPrompt {
  const source = "TianheWu/VisualQuality-R1@a16dcdb README.md";
  return { source, prompt: `Picture 1: <image>${QUESTION} ${how}` };
}

export const visualQualityR1: PublishedScorer = {
  name: "visualquality-r1",
  title: "VisualQuality-R1",
  paper: "arXiv 2505.14460, TianheWu/VisualQuality-R1",
  families: ["qwen2_5_vl"],
  names: /visualquality-?r1/i,
  aspects: {
    quality: {
      prompts: {
        thinking: prompt(
          "First output the thinking process in <think> </think> tags and then output the final answer with only one score in " +
            "<answer> </answer> tags.",
        ),
        "no-thinking": prompt("Please only output the final answer with only one score in <answer> </answer> tags."),
      },
    },
  },
  scale: { min: 1, max: 5 },
  reading: { kind: "number", maxTokens: 2048, sampling: { topK: 50 } },
};
