/** The small models of bench/train-step: one config for both sides. */

const ACTIVE = { hidden_size: 256, intermediate_size: 704, num_hidden_layers: 6 };
const VOCABULARY = 1024;
const SCORES = { score_id: 1000, output_first_id: 1001, output_last_id: 1010, min_score: 1, max_score: 10 };

export interface TrainCase {
  readonly config: Record<string, unknown>;
  /** Of one sequence: 40 words, the picture's rows among them; the last 12 are supervised, one of them T_p. */
  readonly inputIds: readonly number[];
  readonly pixelShape: (batch: number) => readonly number[];
  readonly grid?: readonly [number, number, number];
}

function sequence(imageId: number, rows: number): number[] {
  const words = (count: number, from: number): number[] => Array.from({ length: count }, (_, i) => from + i);
  const image = new Array<number>(rows).fill(imageId);
  return [...words(8, 10), ...image, ...words(20, 40), ...words(8, 100), SCORES.score_id, ...words(2, 120), 2];
}

export const SUPERVISED = 12;

export const CASES: Readonly<Record<string, TrainCase>> = {
  llava: {
    config: {
      architectures: ["LlavaForConditionalGeneration"],
      model_type: "llava",
      image_token_index: 990,
      vision_feature_layer: -2,
      vision_feature_select_strategy: "default",
      text_config: {
        model_type: "llama",
        ...ACTIVE,
        num_attention_heads: 4,
        vocab_size: VOCABULARY,
        rms_norm_eps: 1e-5,
      },
      vision_config: {
        model_type: "clip_vision_model",
        hidden_size: 192,
        intermediate_size: 768,
        num_hidden_layers: 6,
        num_attention_heads: 3,
        image_size: 112,
        patch_size: 14,
        projection_dim: 64,
      },
      ...SCORES,
    },
    inputIds: sequence(990, 64),
    pixelShape: (batch) => [batch, 3, 112, 112],
  },
  qwen2_vl: {
    config: {
      architectures: ["Qwen2VLForConditionalGeneration"],
      model_type: "qwen2_vl",
      ...ACTIVE,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      hidden_act: "silu",
      rms_norm_eps: 1e-6,
      rope_theta: 1000000,
      rope_scaling: { type: "mrope", mrope_section: [8, 12, 12] },
      tie_word_embeddings: true,
      vocab_size: VOCABULARY,
      image_token_id: 990,
      video_token_id: 991,
      vision_start_token_id: 992,
      vision_end_token_id: 993,
      vision_config: {
        depth: 6,
        embed_dim: 192,
        num_heads: 3,
        mlp_ratio: 4,
        patch_size: 14,
        temporal_patch_size: 2,
        spatial_merge_size: 2,
        in_chans: 3,
        hidden_act: "quick_gelu",
        hidden_size: 256,
      },
      ...SCORES,
    },
    inputIds: sequence(990, 64),
    pixelShape: (batch) => [batch * 256, 1176],
    grid: [1, 16, 16],
  },
};
