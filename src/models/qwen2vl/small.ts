/** Small Qwen2-VLs made from nothing. */
import type { Tokenizer } from "../../tokenizers/index.js";
import type { SmallModels, SmallSizes } from "../types.js";
import { createQwen2Vl } from "./model.js";
import { createQwen2VlProcessor } from "./files.js";

export const smallQwen2Vl: SmallModels = {
  // What its conversation is made of.
  specialTokens: [
    ...["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"],
    ...["<|image_pad|>", "<|video_pad|>"],
  ],
  create(sizes, tokenizer, source) {
    const { patch, imageSize } = sizes;
    const config = qwenConfig(sizes, tokenizer);
    const image = {
      image_processor_type: "Qwen2VLImageProcessor",
      ...{ patch_size: patch, temporal_patch_size: FRAMES, merge_size: MERGE },
      // As many pixels as a square of that side has, in the picture's own proportions.
      ...{ min_pixels: (2 * patch * MERGE) ** 2, max_pixels: imageSize ** 2 },
    };
    const model = createQwen2Vl(config, source);
    return { model, processor: createQwen2VlProcessor({ config, tokenizer, imageFiles: { image } }) };
  },
};

const MERGE = 2;
const FRAMES = 2;

function qwenConfig(sizes: SmallSizes, tokenizer: Tokenizer): Record<string, unknown> {
  const { patch, visionWidth, visionLayers, visionHeads, textWidth, textLayers, textHeads } = sizes;
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
