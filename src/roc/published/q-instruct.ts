/**
 * Q-Instruct (arXiv 2311.06783), which was published on two families: how much likelier "good" is than "poor" as the first word of
 * the answer. Its LLaVA script looks at the middle of a picture; here it is padded, as in the training and as the checkpoint says.
 */
import type { PublishedPrompt, PublishedScorer } from "./types.js";

const REPO = "Q-Future/Q-Instruct";
const QUESTION = "Rate the quality of the image.";

function onFamily(name: string, family: string, names: RegExp, asked: PublishedPrompt) {
  return {
    ...{ name, families: [family], names },
    title: "Q-Instruct",
    paper: `arXiv 2311.06783, ${REPO}`,
    aspects: { quality: { prompts: { "q-instruct": asked } } },
    scale: { min: 0, max: 1 },
    reading: { kind: "words", words: ["poor", "good"] },
  } as const satisfies PublishedScorer;
}

export const qInstruct = onFamily("q-instruct", "llava", /(?:llava-v1\.5-(?:7|13)b-)?q-?instruct/i, {
  source: `${REPO}@467d63a eval_scripts/llava_v1.5/eval_image_quality_boost.py`,
  prompt: `<image>\n${QUESTION}`,
});

export const qInstructOwl: PublishedScorer = {
  ...onFamily("q-instruct-owl", "mplug_owl2", /(?:mplug-owl2-7b-(?:448-)?)?q-?instruct/i, {
    source: `${REPO}@94dc282 eval_scripts/mplug_owl_2/eval_image_quality.py`,
    prompt: `<image>${QUESTION}`,
  }),
  conversation: "mplug_owl2",
};
