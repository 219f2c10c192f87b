/**
 * The published sizes of every family, as config.json files that say no more than sizes, with the numbers of parameters that
 * their files have (counted by building each without memory in transformers 5.24, and read on the hub where that shows them).
 */

/** A published checkpoint's config and size. */
export interface PublishedSize {
  readonly config: Readonly<Record<string, unknown>>;
  /** Parameters of a model that loads it (without `mtp.*`, which none takes). */
  readonly parameters: number;
}

const LLAMA_7B = { hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, num_attention_heads: 32 };
const CLIP_L = { hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24, num_attention_heads: 16 };

function qwen2(hidden: number, mlp: number, layers: number, heads: number, kv: number, vocab: number) {
  return {
    ...{ hidden_size: hidden, intermediate_size: mlp, num_hidden_layers: layers, num_attention_heads: heads },
    ...{ num_key_value_heads: kv, vocab_size: vocab, rms_norm_eps: 1e-6 },
  };
}

const SECTIONS = { rope_theta: 1e6, rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] } };

function qwen2vl(text: ReturnType<typeof qwen2>, tied: boolean) {
  const vision_config = { depth: 32, embed_dim: 1280, num_heads: 16, hidden_size: text.hidden_size };
  return { model_type: "qwen2_vl", ...text, ...SECTIONS, tie_word_embeddings: tied, vision_config };
}

function qwen25vl(text: ReturnType<typeof qwen2>, tied: boolean) {
  const sizes = { depth: 32, hidden_size: 1280, num_heads: 16, intermediate_size: 3420, window_size: 112 };
  const vision_config = { ...sizes, out_hidden_size: text.hidden_size, fullatt_block_indexes: [7, 15, 23, 31] };
  return { model_type: "qwen2_5_vl", ...text, ...SECTIONS, tie_word_embeddings: tied, vision_config };
}

const TINY = { depth: 12, hidden_size: 768, num_heads: 12, intermediate_size: 3072 };
const SMALL = { depth: 24, hidden_size: 1024, num_heads: 16, intermediate_size: 4096 };
const LARGE = { depth: 27, hidden_size: 1152, num_heads: 16, intermediate_size: 4304 };

function qwen3vl(text: ReturnType<typeof qwen2>, tower: typeof SMALL, deepstack: readonly number[], tied: boolean) {
  const rope_scaling = { rope_type: "default", mrope_section: [24, 20, 20], mrope_interleaved: true };
  const text_config = { ...text, head_dim: 128, rope_theta: 5e6, rope_scaling, tie_word_embeddings: tied };
  const vision_config = { ...tower, out_hidden_size: text.hidden_size, deepstack_visual_indexes: deepstack };
  return { model_type: "qwen3_vl", text_config, vision_config, tie_word_embeddings: tied };
}

function qwen35(text: ReturnType<typeof qwen2>, tower: typeof SMALL, valueHeads: number, tied: boolean) {
  const linear = {
    ...{ linear_num_key_heads: 16, linear_num_value_heads: valueHeads, linear_key_head_dim: 128 },
    ...{ linear_value_head_dim: 128, linear_conv_kernel_dim: 4, full_attention_interval: 4 },
  };
  const rope_parameters = {
    ...{ rope_type: "default", rope_theta: 1e7, partial_rotary_factor: 0.25 },
    ...{ mrope_section: [11, 11, 10], mrope_interleaved: true },
  };
  const text_config = { model_type: "qwen3_5_text", ...text, head_dim: 256, ...linear, rope_parameters };
  const vision_config = { ...tower, out_hidden_size: text.hidden_size, deepstack_visual_indexes: [] };
  const named = { text_config: { ...text_config, tie_word_embeddings: tied }, vision_config };
  return { model_type: "qwen3_5", ...named, tie_word_embeddings: tied };
}

function internvl(text: ReturnType<typeof qwen2>) {
  const vision_config = {
    ...{ model_type: "internvl_vision", ...CLIP_L, image_size: [448, 448], patch_size: [14, 14] },
    ...{ attention_bias: true, norm_type: "layer_norm" },
  };
  const text_config = { model_type: "qwen2", ...text, rope_theta: 1e6, tie_word_embeddings: false };
  return { model_type: "internvl", text_config, vision_config, tie_word_embeddings: false };
}

function onevision(text: ReturnType<typeof qwen2>, tied: boolean) {
  const vision_config = {
    ...{ model_type: "siglip_vision_model", hidden_size: 1152, intermediate_size: 4304, num_hidden_layers: 26 },
    ...{ num_attention_heads: 16, image_size: 384, patch_size: 14, vision_use_head: false },
  };
  const text_config = { model_type: "qwen2", ...text, rope_theta: 1e6, tie_word_embeddings: tied };
  return { model_type: "llava_onevision", text_config, vision_config, tie_word_embeddings: tied };
}

/** By the checkpoints' names, families in the order of their age, each from small to large. */
export const PUBLISHED: Readonly<Record<string, PublishedSize>> = {
  "LLaVA-1.5-7B": {
    config: {
      ...{ model_type: "llava", image_token_index: 32000 },
      text_config: { model_type: "llama", ...LLAMA_7B, vocab_size: 32064, rms_norm_eps: 1e-5 },
      vision_config: { model_type: "clip_vision_model", ...CLIP_L, image_size: 336, patch_size: 14 },
    },
    parameters: 7_063_427_072,
  },
  // With the abstractor's tables of places, 6,690,816 numbers that are written with it.
  "mPLUG-Owl2-7B": { config: { model_type: "mplug_owl2", ...LLAMA_7B, vocab_size: 32000 }, parameters: 8_204_550_144 },
  "Qwen2-VL-2B": { config: qwen2vl(qwen2(1536, 8960, 28, 12, 2, 151936), true), parameters: 2_208_985_600 },
  "Qwen2-VL-7B": { config: qwen2vl(qwen2(3584, 18944, 28, 28, 4, 152064), false), parameters: 8_291_375_616 },
  "Qwen2.5-VL-3B": { config: qwen25vl(qwen2(2048, 11008, 36, 16, 2, 151936), true), parameters: 3_754_622_976 },
  "Qwen2.5-VL-7B": { config: qwen25vl(qwen2(3584, 18944, 28, 28, 4, 152064), false), parameters: 8_292_166_656 },
  "Qwen3-VL-2B": {
    config: qwen3vl(qwen2(2048, 6144, 28, 16, 8, 151936), SMALL, [5, 11, 17], true),
    parameters: 2_127_532_032,
  },
  "Qwen3-VL-4B": {
    config: qwen3vl(qwen2(2560, 9728, 36, 32, 8, 151936), SMALL, [5, 11, 17], true),
    parameters: 4_437_815_808,
  },
  "Qwen3-VL-8B": {
    config: qwen3vl(qwen2(4096, 12288, 36, 32, 8, 151936), LARGE, [8, 16, 24], false),
    parameters: 8_767_123_696,
  },
  "Qwen3.5-0.8B": { config: qwen35(qwen2(1024, 3584, 24, 8, 2, 248320), TINY, 16, true), parameters: 852_985_920 },
  "Qwen3.5-4B": { config: qwen35(qwen2(2560, 9216, 32, 16, 4, 248320), SMALL, 32, true), parameters: 4_539_265_536 },
  "Qwen3.5-9B": { config: qwen35(qwen2(4096, 12288, 32, 16, 4, 248320), LARGE, 32, false), parameters: 9_409_813_744 },
  "InternVL3-1B": { config: internvl(qwen2(896, 4864, 24, 14, 2, 151674)), parameters: 938_193_024 },
  "InternVL3-2B": { config: internvl(qwen2(1536, 8960, 28, 12, 2, 151674)), parameters: 2_088_957_440 },
  "InternVL3-8B": { config: internvl(qwen2(3584, 18944, 28, 28, 4, 151674)), parameters: 7_944_373_760 },
  "LLaVA-OneVision-0.5B": { config: onevision(qwen2(896, 4864, 24, 14, 2, 152000), true), parameters: 893_675_552 },
  "LLaVA-OneVision-7B": { config: onevision(qwen2(3584, 18944, 28, 28, 4, 152064), false), parameters: 8_030_348_832 },
};
