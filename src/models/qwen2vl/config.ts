/**
 * `config.json` of Qwen2-VL checkpoints, flat as the public files or nested as transformers 5 writes it: checked, and
 * filled in with transformers 5.18's defaults where keys are absent.
 */
import { z } from "zod";
import { RocError } from "../../errors.js";
import type { DecoderConfig, EncoderLayerConfig } from "../../nn/index.js";
import { activation, blockSide, count, headsOf, or, positive, patchSide, tokenId } from "../common/config-fields.js";

export interface VisionConfig extends EncoderLayerConfig {
  readonly channels: number;
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Frames a patch is deep; a still picture fills them all. */
  readonly frames: number;
  /** Patches a side that make one row of the language model. */
  readonly merge: number;
  readonly ropeTheta: number;
  /** Size of the language model's rows. */
  readonly outputSize: number;
}

export interface Qwen2VlConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  readonly vision: VisionConfig;
  readonly text: DecoderConfig;
  /** How many of a head's frequencies turn with time, height and width, in this order (`mrope_section`). */
  readonly sections: readonly number[];
  /** Stand for one row of a picture, and of a video. */
  readonly imageTokenId: number;
  readonly videoTokenId: number;
}

/** The defaults are those of Qwen2VLVisionConfig. The tower's width is `embed_dim`; `hidden_size` is what comes out. */
const visionSchema = z.looseObject({
  depth: or(count, 32),
  embed_dim: or(count, 1280),
  hidden_size: or(count, 3584),
  hidden_act: or(activation, "quick_gelu" as const),
  mlp_ratio: or(positive, 4),
  num_heads: or(count, 16),
  in_channels: or(count, 3),
  patch_size: or(patchSide, 14),
  spatial_merge_size: or(blockSide, 2),
  temporal_patch_size: or(blockSide, 2),
  rope_parameters: z
    .looseObject({ rope_type: or(z.literal("axial"), "axial"), rope_theta: positive.nullish() })
    .nullish(),
});

/** Files call it "mrope" or, once saved again, "default"; the sections count, not the name. */
const ropeType = z.enum(["mrope", "default"]).nullish();
const rope = z
  .looseObject({ type: ropeType, rope_type: ropeType, rope_theta: positive.nullish() })
  .extend({ mrope_section: z.array(count).min(1).nullish() })
  .nullish();

/** The defaults are those of Qwen2VLTextConfig. */
const textSchema = z.looseObject({
  vocab_size: or(count, 152064),
  hidden_size: or(count, 8192),
  intermediate_size: or(count, 29568),
  num_hidden_layers: or(count, 80),
  num_attention_heads: or(count, 64),
  // Null means one a head, absent eight.
  num_key_value_heads: count.nullable().default(8),
  hidden_act: or(activation, "silu" as const),
  rms_norm_eps: or(positive, 1e-5),
  // transformers 5 writes rope_parameters, 4 wrote rope_theta and rope_scaling.
  rope_theta: or(positive, 1e6),
  rope_scaling: rope,
  rope_parameters: rope,
  use_sliding_window: or(z.boolean(), false),
  max_window_layers: or(z.number().int().nonnegative(), 80),
  layer_types: z.array(z.literal("full_attention", { error: "only full_attention is supported" })).nullish(),
  tie_word_embeddings: or(z.boolean(), false),
});

/** transformers' own default of `mrope_section`, for heads of 128. */
const SECTIONS = [16, 24, 24];

const schema = z.looseObject({
  model_type: z.literal("qwen2_vl"),
  vision_config: or(visionSchema, visionSchema.parse({})),
  text_config: textSchema.nullish(),
  image_token_id: or(tokenId, 151655),
  video_token_id: or(tokenId, 151656),
  tie_word_embeddings: or(z.boolean(), false),
});

type Vision = z.infer<typeof visionSchema>;
type Text = z.infer<typeof textSchema>;

/**
 * Checks a parsed `config.json`.
 *
 * @param file what messages call it
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function parseQwen2VlConfig(config: unknown, file = "config.json", vocabSize?: number): Qwen2VlConfig {
  const values = parsed(schema, config, file);
  // With a text_config of its own, whatever else is at the top is ignored (as in transformers).
  const text = values.text_config ?? parsed(textSchema, config, file);
  const tied = values.tie_word_embeddings || text.tie_word_embeddings;
  const decoder = textConfig(text, tied, file, vocabSize);
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    vision: visionConfig(values.vision_config, decoder.hiddenSize, file),
    text: decoder,
    sections: sectionsOf(text, decoder.headDim, file),
    imageTokenId: values.image_token_id,
    videoTokenId: values.video_token_id,
  };
}

function parsed<T extends z.ZodType>(type: T, config: unknown, file: string): z.infer<T> {
  const result = type.safeParse(config);
  if (result.success) return result.data;
  throw invalid(file, z.prettifyError(result.error).replaceAll("\n", " "));
}

function visionConfig(values: Vision, rowSize: number, file: string): VisionConfig {
  const { embed_dim, num_heads, hidden_size } = values;
  if (!Number.isInteger(embed_dim / num_heads / 4)) {
    const sizes = `embed_dim ${embed_dim} does not divide into ${num_heads} heads (num_heads)`;
    throw invalid(file, `vision_config: ${sizes} of a size that is a multiple of 4`);
  }
  if (hidden_size !== rowSize) {
    const sizes = `hidden_size ${hidden_size} is not the language model's, ${rowSize}`;
    throw invalid(file, `vision_config: ${sizes} (the vision tower's own width is embed_dim)`);
  }
  return {
    hiddenSize: embed_dim,
    intermediateSize: Math.trunc(embed_dim * values.mlp_ratio),
    layers: values.depth,
    heads: num_heads,
    channels: values.in_channels,
    patchSize: values.patch_size,
    frames: values.temporal_patch_size,
    merge: values.spatial_merge_size,
    activation: values.hidden_act,
    normEps: 1e-6,
    ropeTheta: values.rope_parameters?.rope_theta ?? 10000,
    outputSize: hidden_size,
  };
}

function textConfig(values: Text, tied: boolean, file: string, vocabSize?: number): DecoderConfig {
  const { hidden_size, num_hidden_layers: layers } = values;
  const heads = headsOf(values, (what) => invalid(file, what));
  if (values.use_sliding_window && values.max_window_layers < layers) {
    throw invalid(file, `use_sliding_window is true for layers from ${values.max_window_layers} on: not supported`);
  }
  return {
    vocabSize: vocabSize ?? values.vocab_size,
    hiddenSize: hidden_size,
    intermediateSize: values.intermediate_size,
    layers,
    ...heads,
    normEps: values.rms_norm_eps,
    ropeTheta: ropeOf(values).rope_theta ?? values.rope_theta,
    activation: values.hidden_act,
    attentionBias: true,
    outputBias: false,
    mlpBias: false,
    tied,
  };
}

function ropeOf({ rope_scaling, rope_parameters }: Text): NonNullable<z.infer<typeof rope>> {
  return rope_scaling ?? rope_parameters ?? {};
}

function sectionsOf(values: Text, headDim: number, file: string): readonly number[] {
  const sections = ropeOf(values).mrope_section ?? SECTIONS;
  if (sections.reduce((sum, size) => sum + size, 0) === headDim / 2) return sections;
  throw invalid(file, `mrope_section [${sections.join(", ")}] does not add up to ${headDim / 2}, half a head's size`);
}

function invalid(file: string, what: string): RocError {
  return new RocError(
    "CONFIG_INVALID",
    `${file} is not a Qwen2-VL config that this program knows: ${what}. Correct it, or fetch the file again.`,
  );
}
