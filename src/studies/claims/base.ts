/** The small models that the experiment starts from, untrained: a LLaVA and a Qwen2-VL of like size, without score tokens. */
import { createImageProcessor } from "../../image/index.js";
import { createLlava, createLlavaProcessor } from "../../models/llava/index.js";
import { createQwen2Vl, createQwen2VlProcessor } from "../../models/qwen2vl/index.js";
import type { Mllm, MllmProcessor } from "../../models/types.js";
import { randomSource } from "../../nn/index.js";
import { createStrategy, LEVELS, type RocTemplates } from "../../roc/index.js";
import { loadTokenizer, trainTokenizer, type Tokenizer } from "../../tokenizers/index.js";
import { llavaConfig, preprocessorConfig } from "../demo/sizes.js";
import type { Trainable } from "../../train/index.js";
import type { BackboneConfig } from "./config.js";
import { writeFiles } from "../../files/index.js";

/** Of every score in this experiment's texts. */
const SCALE = { min: 1, max: 10 };

/** Tokens that Qwen2-VL's conversation is made of. */
const CHAT_TOKENS = [
  ...["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"],
  ...["<|image_pad|>", "<|video_pad|>"],
] as const;

/** Often enough for every level word to become one token, as it is in the tokenizers of the large models. */
const LEVEL_REPEATS = 400;

/** What a base model is made of beside its sizes. */
export interface BaseTexts {
  /** Kept with the checkpoint. */
  readonly templates: RocTemplates;
  /** Everything that will be said, but for scores: the tokenizer learns its pieces from it. */
  readonly texts: readonly string[];
}

/**
 * An untrained model. Its strategy is `direct`, which needs no tokens of its own: what is fine-tuned from it chooses another.
 *
 * @param folder gets the tokenizer's files
 */
export async function createBase(
  folder: string,
  backbone: BackboneConfig,
  seed: number,
  { templates, texts }: BaseTexts,
): Promise<Trainable> {
  const tokenizer = await makeTokenizer(folder, backbone, tokenizerTexts(texts));
  const { model, processor } =
    backbone.family === "llava" ? llava(backbone, tokenizer, seed) : qwen(backbone, tokenizer, seed);
  const strategy = createStrategy("direct", { scale: SCALE });
  const parts = { model, processor, strategy, templates: { ...templates, strategy: "direct" as const, scale: SCALE } };
  return { parts, prepare: (picture) => processor.pixels(picture) };
}

async function makeTokenizer(
  folder: string,
  { family, vocabulary }: BackboneConfig,
  texts: readonly string[],
): Promise<Tokenizer> {
  const specialTokens = family === "qwen2_vl" ? CHAT_TOKENS : [];
  const files = trainTokenizer(texts, { vocabSize: vocabulary, specialTokens });
  await writeFiles(folder, { ...files });
  return loadTokenizer(folder);
}

/** Digits stay single tokens, as in LLaMA's tokenizer: each is a word of its own here. */
function tokenizerTexts(texts: readonly string[]): string[] {
  const levels = new Array<string>(LEVEL_REPEATS).fill(LEVELS.join(" "));
  return [...texts, ...levels, "0 1 2 3 4 5 6 7 8 9", "USER: ASSISTANT: user assistant system"];
}

interface Made {
  readonly model: Mllm;
  readonly processor: MllmProcessor;
}

function llava(backbone: BackboneConfig, tokenizer: Tokenizer, seed: number): Made {
  const sizes = { ...backbone, resize: "stretch" as const };
  const [image, padding] = [idOf(tokenizer, "<image>"), idOf(tokenizer, "<pad>")];
  const config = llavaConfig(sizes, tokenizer.size, image, padding);
  const imageProcessor = createImageProcessor(preprocessorConfig(sizes));
  return {
    model: createLlava(config, randomSource({ seed })),
    processor: createLlavaProcessor({ config, tokenizer, imageProcessor }),
  };
}

function qwen(backbone: BackboneConfig, tokenizer: Tokenizer, seed: number): Made {
  const config = qwenConfig(backbone, tokenizer);
  const { patch, imageSize } = backbone;
  const image = {
    image_processor_type: "Qwen2VLImageProcessor",
    ...{ patch_size: patch, temporal_patch_size: FRAMES, merge_size: MERGE },
    // As many pixels as a square of that side has, in the picture's own proportions.
    ...{ min_pixels: (2 * patch * MERGE) ** 2, max_pixels: imageSize ** 2 },
  };
  return {
    model: createQwen2Vl(config, randomSource({ seed })),
    processor: createQwen2VlProcessor({ config, tokenizer, imageFiles: { image } }),
  };
}

const MERGE = 2;
const FRAMES = 2;

function qwenConfig(backbone: BackboneConfig, tokenizer: Tokenizer): Record<string, unknown> {
  const { patch, visionWidth, visionLayers, visionHeads, textWidth, textLayers, textHeads } = backbone;
  const half = textWidth / textHeads / 2;
  const space = Math.floor((half * 3) / 8);
  return {
    architectures: ["Qwen2VLForConditionalGeneration"],
    model_type: "qwen2_vl",
    hidden_size: textWidth,
    intermediate_size: Math.ceil((textWidth * 8) / 3 / 16) * 16,
    num_hidden_layers: textLayers,
    num_attention_heads: textHeads,
    num_key_value_heads: textHeads,
    hidden_act: "silu",
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    // Time, height and width in the shares of the public checkpoints (16, 24, 24).
    rope_scaling: { type: "mrope", mrope_section: [half - 2 * space, space, space] },
    tie_word_embeddings: false,
    vocab_size: tokenizer.size,
    image_token_id: idOf(tokenizer, "<|image_pad|>"),
    video_token_id: idOf(tokenizer, "<|video_pad|>"),
    vision_start_token_id: idOf(tokenizer, "<|vision_start|>"),
    vision_end_token_id: idOf(tokenizer, "<|vision_end|>"),
    torch_dtype: "float32",
    vision_config: {
      depth: visionLayers,
      embed_dim: visionWidth,
      num_heads: visionHeads,
      mlp_ratio: 4,
      patch_size: patch,
      temporal_patch_size: FRAMES,
      spatial_merge_size: MERGE,
      in_chans: 3,
      hidden_act: "quick_gelu",
      hidden_size: textWidth,
    },
  };
}

function idOf(tokenizer: Tokenizer, token: string): number {
  return tokenizer.tokenToId(token) ?? 0;
}
