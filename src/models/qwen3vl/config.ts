/**
 * `config.json` of Qwen3-VL checkpoints, as the public files and as transformers 5 writes it: checked, and filled in with
 * transformers 5.24's defaults where keys are absent.
 */
import { z } from "zod";
import type { DecoderConfig } from "../../nn/index.js";
import { activation, count, headsOf, or, positive, tokenId, invalidFor, parsedBy } from "../common/config-fields.js";
import type { InvalidConfig } from "../common/config-fields.js";
import { ropeFields, thetaOf } from "../common/qwen/config.js";
import type { QwenConfig } from "../common/qwen/config.js";
import { qwen3Vision, qwen3VisionSchema, turnsOf } from "../common/qwen/qwen3-config.js";
import type { Qwen3VisionConfig } from "../common/qwen/qwen3-vision.js";

export type Qwen3VlConfig = QwenConfig<Qwen3VisionConfig>;

/** More than any model has blocks. */
const MOST_MERGERS = 64;

const visionSchema = qwen3VisionSchema.extend({
  deepstack_visual_indexes: or(z.array(z.number().int().nonnegative()).max(MOST_MERGERS), [8, 16, 24]),
});

/** The defaults are those of Qwen3VLTextConfig. */
const textSchema = z.looseObject({
  vocab_size: or(count, 151936),
  hidden_size: or(count, 4096),
  intermediate_size: or(count, 22016),
  num_hidden_layers: or(count, 32),
  num_attention_heads: or(count, 32),
  // Null means one a head, absent 32.
  num_key_value_heads: count.nullable().default(32),
  head_dim: or(count, 128),
  hidden_act: or(activation, "silu" as const),
  rms_norm_eps: or(positive, 1e-6),
  attention_bias: or(z.boolean(), false),
  rope_theta: positive.nullish(),
  rope_scaling: ropeFields,
  rope_parameters: ropeFields,
  tie_word_embeddings: or(z.boolean(), false),
  num_experts: z.null({ error: "experts are not supported: only the dense models are" }).optional(),
});

const schema = z.looseObject({
  model_type: z.literal("qwen3_vl"),
  vision_config: or(visionSchema, visionSchema.parse({})),
  text_config: or(textSchema, textSchema.parse({})),
  image_token_id: or(tokenId, 151655),
  video_token_id: or(tokenId, 151656),
  tie_word_embeddings: or(z.boolean(), false),
});

/** transformers' own defaults of `mrope_section`, for heads of 128, and of the frequencies' base. */
const SECTIONS = [24, 20, 20];
const THETA = 5e5;

/** Of the error that names fields of newer layouts. */
export const qwen3VlSchemas = [schema];

/**
 * Checks a parsed `config.json`.
 *
 * @param file what messages call it
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function parseQwen3VlConfig(config: unknown, file = "config.json", vocabSize?: number): Qwen3VlConfig {
  const invalid = invalidFor("a Qwen3-VL", file);
  const values = parsedBy(schema, config, invalid);
  const { text_config: text, vision_config: vision } = values;
  const tied = values.tie_word_embeddings || text.tie_word_embeddings;
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    vision: qwen3Vision(vision, text.hidden_size, vision.deepstack_visual_indexes, invalid),
    text: textConfig(text, { tied, vocabSize, invalid }),
    sections: turnsOf(text, SECTIONS, invalid),
    imageTokenId: values.image_token_id,
    videoTokenId: values.video_token_id,
  };
}

type Text = z.infer<typeof textSchema>;

function textConfig(
  values: Text,
  { tied, vocabSize, invalid }: { tied: boolean; vocabSize: number | undefined; invalid: InvalidConfig },
): DecoderConfig {
  return {
    vocabSize: vocabSize ?? values.vocab_size,
    hiddenSize: values.hidden_size,
    intermediateSize: values.intermediate_size,
    layers: values.num_hidden_layers,
    ...headsOf(values, invalid),
    normEps: values.rms_norm_eps,
    ropeTheta: thetaOf(values, THETA),
    activation: values.hidden_act,
    attentionBias: values.attention_bias,
    outputBias: values.attention_bias,
    mlpBias: false,
    qkNorm: true,
    tied,
  };
}
