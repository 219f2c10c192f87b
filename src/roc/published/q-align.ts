/** Q-Align and OneAlign (arXiv 2312.17090): level words behind a stem. */
import { LEVELS } from "../template.js";
import type { PublishedAspect, PublishedScorer } from "./types.js";

const SOURCE = "Q-Future/Q-Align q_align/evaluate/scorer.py";

function aspect(what: string): PublishedAspect {
  const prompt = `How would you rate the ${what} of this image?\n<image>`;
  return { prompts: { "q-align": { source: SOURCE, prompt, stem: `The ${what} of the image is` } } };
}

export const qAlign: PublishedScorer = {
  name: "q-align",
  title: "Q-Align, OneAlign and their relatives",
  paper: "arXiv 2312.17090, Q-Future/Q-Align",
  families: ["mplug_owl2"],
  known: { how: "model_type mplug_owl2 without score tokens", by: () => true },
  aspects: { quality: aspect("quality"), aesthetics: aspect("aesthetics") },
  scale: { min: 1, max: 5 },
  reading: { kind: "level", words: LEVELS },
  conversation: "q_align",
};
