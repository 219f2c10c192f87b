/** The demo's small LLaVA and its texts: plain data, known to the command line before libtorch is loaded. */
import type { RocTemplates } from "../../roc/template.js";

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

/** A `config.json` of LLaVA's architecture; all vision layers are used, CLIP's head-less patches only. */
export function llavaConfig(
  sizes: DemoModel,
  vocabulary: number,
  imageToken: number,
  padToken: number,
): Record<string, unknown> {
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

export function preprocessorConfig({ imageSize, resize }: DemoModel): Record<string, unknown> {
  const square = { height: imageSize, width: imageSize };
  const common = { do_resize: true, resample: 3, do_rescale: true, do_normalize: true, do_convert_rgb: true };
  return resize === "pad"
    ? { image_processor_type: "LlavaImageProcessor", ...common, do_pad: true, do_center_crop: false, size: square }
    : { image_processor_type: "CLIPImageProcessor", ...common, do_center_crop: false, size: square };
}
