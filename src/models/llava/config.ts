/**
 * `config.json` of LLaVA-1.5 checkpoints, transformers' and the original one: checked, and filled in with transformers'
 * defaults where keys are absent.
 */
import { z } from "zod";
import type { ActivationName, DecoderConfig } from "../../nn/index.js";
import { clipVision, clipVisionFields } from "../common/clip-config.js";
import type { VisionConfig } from "../common/clip-vision.js";
import {
  activation,
  count,
  headsOf,
  or,
  positive,
  hiddenStateOf,
  invalidFor,
  parsedBy,
  sameOf,
} from "../common/config-fields.js";
import { IMAGE_ID } from "../types.js";
import type { Layout } from "./names.js";
import { isOriginal, LLAVA_VISION, publicForm } from "./original.js";

export interface LlavaConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  readonly vision: VisionConfig;
  readonly text: DecoderConfig;
  /** Which names its tensors have, and how prompts are made: see names.ts. */
  readonly layout: Layout;
  /** What represents one row of image features: a token, or {@link IMAGE_ID}. */
  readonly imageTokenId: number;
  /** Indices into the vision tower's hidden states (0: its input, `layers`: its last output); several are concatenated. */
  readonly featureLayers: readonly number[];
  /** Whether the class token's row is a feature too (`vision_feature_select_strategy` "full"). */
  readonly withClassToken: boolean;
  readonly projectorActivation: ActivationName;
  readonly projectorBias: boolean;
  /** Pictures are padded to a square whatever the image processor's file says. */
  readonly pads: boolean;
}

const visionSchema = z.looseObject({
  model_type: or(z.literal("clip_vision_model"), "clip_vision_model"),
  ...clipVisionFields,
});

/** Older files say `type`. No other kind is computed here. */
const ropeKind = z.literal("default").nullish();
const rope = z.looseObject({ rope_type: ropeKind, type: ropeKind, rope_theta: positive.nullish() });

/** The defaults are those of LlamaConfig. */
const textSchema = z.looseObject({
  model_type: or(z.literal("llama"), "llama"),
  vocab_size: or(count, 32000),
  hidden_size: or(count, 4096),
  intermediate_size: or(count, 11008),
  num_hidden_layers: or(count, 32),
  num_attention_heads: or(count, 32),
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  hidden_act: or(activation, "silu" as const),
  rms_norm_eps: or(positive, 1e-6),
  // transformers 5 writes rope_parameters, 4 wrote rope_theta and rope_scaling.
  rope_theta: positive.nullish(),
  rope_parameters: rope.nullish(),
  rope_scaling: z.null().optional(),
  attention_bias: or(z.boolean(), false),
  mlp_bias: or(z.boolean(), false),
  tie_word_embeddings: or(z.boolean(), false),
});

const imageToken = z.union([z.number().int().nonnegative(), z.literal(IMAGE_ID)]).nullish();

const schema = z.looseObject({
  model_type: z.literal("llava"),
  vision_config: or(visionSchema, visionSchema.parse(LLAVA_VISION)),
  text_config: or(textSchema, textSchema.parse({})),
  image_token_index: imageToken,
  image_token_id: imageToken,
  vision_feature_layer: or(z.union([z.number().int(), z.array(z.number().int()).min(1)]), -2),
  vision_feature_select_strategy: or(z.enum(["default", "full"]), "default" as const),
  projector_hidden_act: or(activation, "gelu" as const),
  multimodal_projector_bias: or(z.boolean(), true),
  tie_word_embeddings: or(z.boolean(), false),
});

type Parsed = z.infer<typeof schema>;

/** Of the error that names fields of newer layouts. */
export const llavaSchemas = [
  schema,
  // Of CLIP's text half, and what old files have of the language model's at the top.
  z.object({ vocab_size: count, vision_config: z.object({ vocab_size: count }) }),
];

/**
 * Checks a parsed `config.json`.
 *
 * @param file what messages call it
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number (old files had it wrong)
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function parseLlavaConfig(config: unknown, file = "config.json", vocabSize?: number): LlavaConfig {
  const original = isOriginal(config) ? publicForm(config, file) : undefined;
  const values = parsedBy(schema, original?.config ?? config, (what) => invalid(file, what));
  const { image_token_id, image_token_index } = values;
  const vision = clipVision(values.vision_config, (what) => invalid(file, what));
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    vision,
    layout: original ? "original" : "hf",
    pads: original?.pads ?? false,
    text: textConfig(values, file, vocabSize),
    imageTokenId: sameOf({ image_token_id, image_token_index }, (what) => invalid(file, what)) ?? 32000,
    featureLayers: [values.vision_feature_layer]
      .flat()
      .map((layer) => hiddenStateOf("vision_feature_layer", layer, vision.layers, (what) => invalid(file, what))),
    withClassToken: values.vision_feature_select_strategy === "full",
    projectorActivation: values.projector_hidden_act,
    projectorBias: values.multimodal_projector_bias,
  };
}

function textConfig(parsed: Parsed, file: string, vocabSize?: number): DecoderConfig {
  const values = parsed.text_config;
  const { hidden_size } = values;
  const heads = headsOf(values, (what) => invalid(file, what));
  return {
    vocabSize: vocabSize ?? values.vocab_size,
    hiddenSize: hidden_size,
    intermediateSize: values.intermediate_size,
    layers: values.num_hidden_layers,
    ...heads,
    normEps: values.rms_norm_eps,
    ropeTheta: values.rope_parameters?.rope_theta ?? values.rope_theta ?? 10000,
    activation: values.hidden_act,
    attentionBias: values.attention_bias,
    outputBias: values.attention_bias,
    mlpBias: values.mlp_bias,
    tied: parsed.tie_word_embeddings || values.tie_word_embeddings,
  };
}

function invalid(file: string, what: string): Error {
  return invalidFor("a LLaVA", file)(what);
}

/** Rows that an image of the configured size takes in the sequence. */
export function rowsPerImage({ vision, withClassToken }: LlavaConfig): number {
  return Math.floor(vision.imageSize / vision.patchSize) ** 2 + (withClassToken ? 1 : 0);
}
