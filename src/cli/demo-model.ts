/** The demo's small LLaVA and its texts: everything about the demo that is not training. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createImageProcessor } from "../image/index.js";
import { createLlava, createLlavaProcessor, parseLlavaConfig } from "../models/llava/index.js";
import { randomSource } from "../nn/index.js";
import { addScoreTokens, POSITION_TOKEN, renderAnswer, type LossWeights, type RocTemplates } from "../roc/index.js";
import { loadTokenizer, trainTokenizer } from "../tokenizers/index.js";
import type { Trainable } from "../train/index.js";

/** Sizes of the demo model; each is an option of `train-demo`. */
export interface DemoModel {
  /** Pixels of the square that the model looks at. */
  readonly imageSize: number;
  readonly patch: number;
  /** How a picture becomes a square: "stretch" keeps every pixel's place, "pad" the picture's proportions. */
  readonly resize: "stretch" | "pad";
  readonly visionWidth: number;
  readonly visionLayers: number;
  readonly visionHeads: number;
  readonly textWidth: number;
  readonly textLayers: number;
  readonly textHeads: number;
  /** Most token ids, before the score tokens. */
  readonly vocabulary: number;
}

export const DEMO_MODEL: DemoModel = {
  imageSize: 112,
  patch: 14,
  resize: "stretch",
  visionWidth: 192,
  visionLayers: 5,
  visionHeads: 4,
  textWidth: 160,
  textLayers: 2,
  textHeads: 4,
  vocabulary: 420,
};

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
    "This picture scores {overall}. ",
  ],
};

/** What the tokenizer learns its pieces from: the words around the scores, twice, since it merges what recurs. */
function tokenizerTexts({ prompts, answers }: RocTemplates): string[] {
  const questions = prompts.map((prompt) => `USER: ${prompt} ASSISTANT:`);
  const replies = answers.flatMap((answer) => ` ${renderAnswer(answer).text}`.split(POSITION_TOKEN));
  return [...questions, ...replies, ...questions, ...replies];
}

/** A `config.json` of LLaVA's architecture; all vision layers are used, CLIP's head-less patches only. */
function llavaConfig(sizes: DemoModel, vocabulary: number, imageToken: number, padToken: number): Record<string, unknown> {
  const patches = Math.floor(sizes.imageSize / sizes.patch) ** 2;
  return {
    architectures: ["LlavaForConditionalGeneration"],
    model_type: "llava",
    ignore_index: -100,
    image_token_index: imageToken,
    image_seq_length: patches,
    pad_token_id: padToken,
    projector_hidden_act: "gelu",
    tie_word_embeddings: false,
    torch_dtype: "float32",
    vision_feature_layer: -1,
    vision_feature_select_strategy: "default",
    text_config: {
      model_type: "llama",
      hidden_size: sizes.textWidth,
      intermediate_size: Math.ceil((sizes.textWidth * 8) / 3 / 16) * 16,
      num_hidden_layers: sizes.textLayers,
      num_attention_heads: sizes.textHeads,
      num_key_value_heads: sizes.textHeads,
      max_position_embeddings: patches + 448,
      rms_norm_eps: 1e-5,
      vocab_size: vocabulary,
    },
    vision_config: {
      model_type: "clip_vision_model",
      hidden_size: sizes.visionWidth,
      intermediate_size: sizes.visionWidth * 4,
      num_hidden_layers: sizes.visionLayers,
      num_attention_heads: sizes.visionHeads,
      image_size: sizes.imageSize,
      patch_size: sizes.patch,
      projection_dim: sizes.visionWidth,
    },
  };
}

function preprocessorConfig({ imageSize, resize }: DemoModel): Record<string, unknown> {
  const square = { height: imageSize, width: imageSize };
  const common = { do_resize: true, resample: 3, do_rescale: true, do_normalize: true, do_convert_rgb: true };
  return resize === "pad"
    ? { image_processor_type: "LlavaImageProcessor", ...common, do_pad: true, do_center_crop: false, size: square }
    : { image_processor_type: "CLIPImageProcessor", ...common, do_center_crop: false, size: square };
}

/**
 * The untrained demo model with its tokenizer, processor and score tokens.
 *
 * @param folder gets the tokenizer's files
 */
export async function createDemo(folder: string, seed: number, sizes: DemoModel, weights: LossWeights): Promise<Trainable> {
  const templates = DEMO_TEMPLATES;
  await mkdir(folder, { recursive: true });
  const files = trainTokenizer(tokenizerTexts(templates), { vocabSize: sizes.vocabulary });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  const tokenizer = await loadTokenizer(folder);
  const [image = 0, padding = 0] = ["<image>", "<pad>"].map((token) => tokenizer.tokenToId(token));
  const rawConfig = llavaConfig(sizes, tokenizer.size, image, padding);
  const imageProcessor = createImageProcessor(preprocessorConfig(sizes));
  const model = createLlava(rawConfig, randomSource({ seed }));
  const processor = createLlavaProcessor({ config: parseLlavaConfig(rawConfig), tokenizer, imageProcessor });
  const vocabulary = addScoreTokens(model, tokenizer, { weights });
  const parts = { model, processor, vocabulary, templates };
  return { parts, prepare: (picture) => imageProcessor.process(picture).pixels };
}
