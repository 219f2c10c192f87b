/** Q-ReAlign (2026): Q-Align's level words on Qwen3.5. */
import { LEVELS } from "../template.js";
import type { Clues, PublishedAspect, PublishedScorer } from "./types.js";

const REPO = "Q-Future/Q-ReAlign@f5fd748";
const README = `${REPO} README.md`;
const TOOLKIT = `${REPO} qalign/prompts.py, qalign/scorer.py`;
const PYIQA = "pyiqa 0.1.16 archs/qrealign_arch.py";

/** The sources differ in the question and, the toolkit's, in a blank before the stem. All questions were trained on. */
function aspect(
  what: string,
  questions: Readonly<Record<string, readonly [question: string, source: string]>>,
): PublishedAspect {
  const stem = `The ${what} of the image is`;
  const prompts = Object.entries(questions).map(([name, [question, source]]) => {
    const prompt = `<image>\n${question}`;
    return [name, { source, prompt, stem: name === "toolkit" ? ` ${stem}` : stem }] as const;
  });
  return { prompts: Object.fromEntries(prompts) };
}

/** Widths and layers of the two whose base model has no head of its own. */
const SMALL = ["1024 24", "2560 32"];

/** A checkpoint whose name is lost: no base model and no file that transformers writes is like it. */
async function isLikeMiniOrLite({ config, tensors }: Clues): Promise<boolean> {
  const text = {
    ...config,
    ...(typeof config["text_config"] === "object" ? config["text_config"] : {}),
  } as Clues["config"];
  const size = `${String(text["hidden_size"])} ${String(text["num_hidden_layers"])}`;
  if (config["tie_word_embeddings"] !== true && text["tie_word_embeddings"] !== true && !SMALL.includes(size))
    return false;
  const names = await tensors();
  return names.includes("lm_head.weight") && !names.some((name) => name.startsWith("mtp."));
}

export const qReAlign: PublishedScorer = {
  name: "q-realign",
  title: "Q-ReAlign Mini, Lite and Pro",
  paper: "2026, Q-Future/Q-ReAlign",
  families: ["qwen3_5"],
  names: /q-?realign/i,
  known: {
    how: "without mtp.* and with lm_head.weight, where config.json says that it is tied or has the sizes of Mini or Lite",
    by: isLikeMiniOrLite,
  },
  aspects: {
    quality: aspect("quality", {
      readme: ["How would you rate the quality of this image?", README],
      pyiqa: ["Can you rate the quality of this picture?", PYIQA],
      toolkit: ["Can you rate the quality of this picture?", TOOLKIT],
    }),
    aesthetics: aspect("aesthetics", {
      readme: ["How would you rate the aesthetics of this image?", TOOLKIT],
      pyiqa: ["Can you rate the aesthetics of this picture?", PYIQA],
      toolkit: ["How is the aesthetics of this image?", TOOLKIT],
    }),
  },
  scale: { min: 0, max: 1 },
  reading: { kind: "words", words: LEVELS.map((word) => ` ${word}`) },
};
