/**
 * A plain multimodal model as it is, without training: asked for a number, or for one of the five level words. For the rows of the
 * paper's Table 1 before any fine-tuning; the paper does not say how it asked them, so question and scale are ours. Only by name:
 * `--scorer plain-direct`, `--scorer plain-levels`.
 */
import { LEVELS } from "../template.js";
import type { PublishedScorer } from "./types.js";

const FAMILIES = ["llava", "mplug_owl2", "qwen2_vl"];
const SOURCE = "roc4mllm: the paper does not say its words";

const NUMBER = "Please rate the aesthetics of this image from 1 (worst) to 10 (best). Answer with a number only.";

export const plainDirect: PublishedScorer = {
  name: "plain-direct",
  title: "a plain model, asked for a number",
  paper: "ROC4MLLM, Figure 2a",
  families: FAMILIES,
  aspects: { aesthetics: { prompts: { own: { source: SOURCE, prompt: `<image>\n${NUMBER}` } } } },
  scale: { min: 1, max: 10 },
  reading: { kind: "number", maxTokens: 16, sampling: {} },
};

export const plainLevels: PublishedScorer = {
  name: "plain-levels",
  title: "a plain model, asked for a level word",
  paper: "arXiv 2312.17090, ROC4MLLM, Figure 2b",
  families: FAMILIES,
  aspects: {
    aesthetics: {
      prompts: {
        own: {
          source: SOURCE,
          prompt: "<image>\nHow would you rate the aesthetics of this image?",
          stem: "The aesthetics of the image is",
        },
      },
    },
  },
  scale: { min: 1, max: 5 },
  reading: { kind: "level", words: LEVELS },
};
