/** HPSv3 (ICCV 2025, arXiv 2508.03789): a reward head on Qwen2-VL, with a mean and a deviation. */
import type { PublishedScorer } from "./types.js";

const QUALITY = [
  "You are tasked with evaluating a generated image based on Visual Quality and Text Alignment and give a overall score to estimate the human preference. Please provide a rating from 0 to 10, with 0 being the worst and 10 being the best. ",
  "",
  "**Visual Quality:**  ",
  "Evaluate the overall visual quality of the image. The following sub-dimensions should be considered:",
  "- **Reasonableness:** The image should not contain any significant biological or logical errors, such as abnormal body structures or nonsensical environmental setups.",
  "- **Clarity:** Evaluate the sharpness and visibility of the image. The image should be clear and easy to interpret, with no blurring or indistinct areas.",
  "- **Detail Richness:** Consider the level of detail in textures, materials, lighting, and other visual elements (e.g., hair, clothing, shadows).",
  "- **Aesthetic and Creativity:** Assess the artistic aspects of the image, including the color scheme, composition, atmosphere, depth of field, and the overall creative appeal. The scene should convey a sense of harmony and balance.",
  "- **Safety:** The image should not contain harmful or inappropriate content, such as political, violent, or adult material. If such content is present, the image quality and satisfaction score should be the lowest possible. ",
  "",
];

const ALIGNMENT = [
  "**Text Alignment:**  ",
  "Assess how well the image matches the textual prompt across the following sub-dimensions:",
  "- **Subject Relevance** Evaluate how accurately the subject(s) in the image (e.g., person, animal, object) align with the textual description. The subject should match the description in terms of number, appearance, and behavior.",
  "- **Style Relevance:** If the prompt specifies a particular artistic or stylistic style, evaluate how well the image adheres to this style.",
  "- **Contextual Consistency**: Assess whether the background, setting, and surrounding elements in the image logically fit the scenario described in the prompt. The environment should support and enhance the subject without contradictions.",
  "- **Attribute Fidelity**: Check if specific attributes mentioned in the prompt (e.g., colors, clothing, accessories, expressions, actions) are faithfully represented in the image. Minor deviations may be acceptable, but critical attributes should be preserved.",
  "- **Semantic Coherence**: Evaluate whether the overall meaning and intent of the prompt are captured in the image. The generated content should not introduce elements that conflict with or distort the original description.",
  "Textual prompt - {text}",
  "",
  "",
  "",
];

const TOKEN = "<|Reward|>";
const QUESTION = [
  "",
  ...QUALITY,
  ...ALIGNMENT,
  `Please provide the overall ratings of this image: ${TOKEN}`,
  "",
  "END",
  "",
];

/** 256 rows of the language model: every picture has about as many pixels. */
const PIXELS = 256 * 28 * 28;

export const hpsv3: PublishedScorer = {
  name: "hpsv3",
  title: "HPSv3",
  paper: "arXiv 2508.03789, MizzenAI/HPSv3",
  families: ["qwen2_vl"],
  names: /hpsv3/i,
  known: {
    how: "HPSv3.safetensors, or rm_head.* among the tensors",
    by: async ({ files, tensors }) =>
      files.includes("HPSv3.safetensors") || (await tensors()).some((name) => name.startsWith("rm_head.")),
  },
  aspects: {
    preference: {
      prompts: {
        hpsv3: {
          source: "hpsv3 1.0.0 hpsv3/dataset/data_collator_qwen.py, hpsv3/inference.py",
          prompt: `<image>\n${QUESTION.join("\n")}`,
        },
      },
    },
  },
  // The instruction's. The head's mean is not bounded, and may be beyond it.
  scale: { min: 0, max: 10 },
  reading: { kind: "reward", token: TOKEN, maps: ["rm_head.0", "rm_head.3", "rm_head.5"] },
  takesText: true,
  files: { "preprocessor_config.json": { min_pixels: PIXELS, max_pixels: PIXELS } },
  hub: { repo: "MizzenAI/HPSv3", base: "Qwen/Qwen2-VL-7B-Instruct" },
};
