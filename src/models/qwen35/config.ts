/**
 * `config.json` of Qwen3.5 checkpoints, as the public files and as transformers 5 writes it: checked, and filled in with
 * transformers 5.24's defaults where keys are absent.
 */
import { z } from "zod";
import type { DecoderConfig, Mixer } from "../../nn/index.js";
import { count, headsOf, or, positive, tokenId, invalidFor, parsedBy } from "../common/config-fields.js";
import type { InvalidConfig } from "../common/config-fields.js";
import { ropeOf, ropeSchema, thetaOf } from "../common/qwen/config.js";
import type { QwenConfig } from "../common/qwen/config.js";
import { qwen3Vision, qwen3VisionSchema, turnsOf } from "../common/qwen/qwen3-config.js";
import type { Qwen3VisionConfig } from "../common/qwen/qwen3-vision.js";

export type Qwen35Config = QwenConfig<Qwen3VisionConfig>;

const rotated = positive.max(1).nullish();
const rope = ropeSchema.extend({ partial_rotary_factor: rotated }).nullish();

/** `layer_types` names each layer; a list of those that there are. */
const LAYERS = { full_attention: "attention", linear_attention: "delta-net" } as const;
const layerType = z.enum(["full_attention", "linear_attention"]);

/** The defaults are those of Qwen3_5TextConfig. */
const textSchema = z.looseObject({
  vocab_size: or(count, 248320),
  hidden_size: or(count, 4096),
  intermediate_size: or(count, 12288),
  num_hidden_layers: or(count, 32),
  num_attention_heads: or(count, 16),
  // Null means one a head, absent four.
  num_key_value_heads: count.nullable().default(4),
  head_dim: or(count, 256),
  linear_conv_kernel_dim: or(z.number().int().min(2).max(64), 4),
  linear_key_head_dim: or(count, 128),
  linear_value_head_dim: or(count, 128),
  linear_num_key_heads: or(count, 16),
  linear_num_value_heads: or(count, 32),
  layer_types: z.array(layerType).nullish(),
  full_attention_interval: or(count, 4),
  hidden_act: or(z.literal("silu", { error: "only silu is supported" }), "silu" as const),
  rms_norm_eps: or(positive, 1e-6),
  attention_bias: or(z.boolean(), false),
  rope_theta: positive.nullish(),
  rope_scaling: rope,
  rope_parameters: rope,
  // Of files before rope_parameters.
  partial_rotary_factor: rotated,
  tie_word_embeddings: or(z.boolean(), false),
  num_experts: z.null({ error: "experts are not supported: only the dense models are" }).optional(),
});

const schema = z.looseObject({
  model_type: z.literal("qwen3_5"),
  vision_config: or(qwen3VisionSchema, qwen3VisionSchema.parse({})),
  text_config: or(textSchema, textSchema.parse({})),
  image_token_id: or(tokenId, 248056),
  video_token_id: or(tokenId, 248057),
  tie_word_embeddings: or(z.boolean(), false),
});

/** Of the error that names fields of newer layouts. */
export const qwen35Schemas = [
  schema,
  z.object({
    text_config: z.object({
      // Written in public files; what they say is what the family always is.
      attn_output_gate: z.literal(true),
      // Layers without experts: of dense models, all.
      mlp_only_layers: z.array(z.number()),
      // The state of the linear layers is in float32 here.
      mamba_ssm_dtype: z.literal("float32"),
      // Of layers that guess further tokens, which nothing here asks.
      mtp_num_hidden_layers: z.number(),
      mtp_use_dedicated_embeddings: z.boolean(),
    }),
    vision_config: z.object({ deepstack_visual_indexes: z.array(z.number()).max(0) }),
    language_model_only: z.literal(false),
  }),
];

/** transformers' own defaults of `mrope_section`, of the frequencies' base and of the share of a head that is rotated. */
const SECTIONS = [11, 11, 10];
const THETA = 1e4;
const ROTATED = 0.25;

/**
 * Checks a parsed `config.json`.
 *
 * @param file what messages call it
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function parseQwen35Config(config: unknown, file = "config.json", vocabSize?: number): Qwen35Config {
  const invalid = invalidFor("a Qwen3.5", file);
  const values = parsedBy(schema, config, invalid);
  const { text_config: text } = values;
  const tied = values.tie_word_embeddings || text.tie_word_embeddings;
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    vision: qwen3Vision(values.vision_config, text.hidden_size, [], invalid),
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
  const heads = headsOf(values, invalid);
  return {
    vocabSize: vocabSize ?? values.vocab_size,
    hiddenSize: values.hidden_size,
    intermediateSize: values.intermediate_size,
    layers: values.num_hidden_layers,
    ...heads,
    normEps: values.rms_norm_eps,
    ropeTheta: thetaOf(values, THETA),
    activation: values.hidden_act,
    attentionBias: values.attention_bias,
    outputBias: values.attention_bias,
    mlpBias: false,
    qkNorm: true,
    outputGate: true,
    centeredNorms: true,
    rotaryDim: rotaryDim(values, heads.headDim, invalid),
    mixers: mixersOf(values, invalid),
    deltaNet: deltaNetOf(values, invalid),
    tied,
  };
}

/** Elements of a head that are rotated. */
function rotaryDim(values: Text, headDim: number, invalid: InvalidConfig): number {
  const factor = ropeOf(values).partial_rotary_factor ?? values.partial_rotary_factor ?? ROTATED;
  const size = Math.trunc(headDim * factor);
  if (size > 0 && size % 2 === 0) return size;
  throw invalid(`partial_rotary_factor ${factor} of head_dim ${headDim} is ${size}, which is no even number above 0`);
}

function mixersOf(values: Text, invalid: InvalidConfig): readonly Mixer[] {
  const { num_hidden_layers: layers, layer_types: types, full_attention_interval: interval } = values;
  if (!types) {
    return Array.from({ length: layers }, (_, i) => ((i + 1) % interval === 0 ? "attention" : "delta-net"));
  }
  if (types.length === layers) return types.map((type) => LAYERS[type]);
  throw invalid(`layer_types names ${types.length} layers, num_hidden_layers is ${layers}`);
}

function deltaNetOf(values: Text, invalid: InvalidConfig): DecoderConfig["deltaNet"] {
  const { linear_num_key_heads: keyHeads, linear_num_value_heads: valueHeads } = values;
  if (!Number.isInteger(valueHeads / keyHeads)) {
    throw invalid(`linear_num_value_heads ${valueHeads} is no multiple of linear_num_key_heads ${keyHeads}`);
  }
  const { linear_key_head_dim: keyDim, linear_value_head_dim: valueDim, linear_conv_kernel_dim: kernel } = values;
  return { keyHeads, valueHeads, keyDim, valueDim, kernel };
}
