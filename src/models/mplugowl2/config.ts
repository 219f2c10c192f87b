/** `config.json` of mPLUG-Owl2 checkpoints and their descendants: checked, and filled in where keys are absent. */
import { z } from "zod";
import type { DecoderConfig, EncoderLayerConfig, PatchGrid } from "../../nn/index.js";
import { clipVision } from "../common/clip-config.js";
import {
  activation,
  checkHeads,
  count,
  headsOf,
  imageSide,
  or,
  patchSide,
  positive,
  invalidFor,
  parsedBy,
} from "../common/config-fields.js";

export type VisionConfig = EncoderLayerConfig & PatchGrid;

export interface AbstractorConfig {
  /** Rows that a picture is condensed to, without the closing one. */
  readonly queries: number;
  /** That of the vision tower. */
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Patches a side. */
  readonly grid: number;
  /** Of the norm inside the gated MLP only: the others have PyTorch's default, whatever the file says. */
  readonly innerNormEps: number;
  /** Size of the language model's rows. */
  readonly outputSize: number;
}

export interface MplugOwl2Config {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  readonly vision: VisionConfig;
  readonly abstractor: AbstractorConfig;
  readonly text: DecoderConfig;
  /** Pictures are padded to a square (Q-Align, OneAlign); else stretched (mPLUG-Owl2's own code). */
  readonly pads: boolean;
  /** Has score tokens, as the ROC4MLLM checkpoints. */
  readonly scores: boolean;
}

/** The defaults are those of the reference's MplugOwlVisionConfig. */
const visionSchema = z.looseObject({
  hidden_size: or(count, 1024),
  intermediate_size: or(count, 4096),
  num_hidden_layers: or(count, 24),
  num_attention_heads: or(count, 16),
  num_channels: or(count, 3),
  image_size: or(imageSide, 448),
  patch_size: or(patchSide, 14),
  hidden_act: or(activation, "quick_gelu" as const),
  layer_norm_eps: or(positive, 1e-6),
  use_cls_token: or(z.literal(true), true),
  use_post_layernorm: or(z.literal(true), true),
});

/** The defaults are those of the reference's MplugOwlVisualAbstractorConfig. */
const abstractorSchema = z.looseObject({
  num_learnable_queries: or(count, 64),
  hidden_size: or(count, 1024),
  intermediate_size: or(count, 2816),
  num_hidden_layers: or(count, 6),
  num_attention_heads: or(count, 16),
  encoder_hidden_size: count.nullish(),
  grid_size: count.nullish(),
  layer_norm_eps: or(positive, 1e-6),
  add_v2t_pos_emb: or(z.literal(false), false),
});

const visualSchema = z.looseObject({
  visual_model: or(visionSchema, visionSchema.parse({})),
  visual_abstractor: or(abstractorSchema, abstractorSchema.parse({})),
});

/** The defaults are those of mPLUG-Owl2-7B. */
const schema = z.looseObject({
  model_type: z.literal("mplug_owl2"),
  vocab_size: or(count, 32000),
  hidden_size: or(count, 4096),
  intermediate_size: or(count, 11008),
  num_hidden_layers: or(count, 32),
  num_attention_heads: or(count, 32),
  num_key_value_heads: count.nullish(),
  hidden_act: or(activation, "silu" as const),
  rms_norm_eps: or(positive, 1e-6),
  rope_theta: or(positive, 10000),
  rope_scaling: z.null().optional(),
  attention_bias: or(z.boolean(), false),
  tie_word_embeddings: or(z.boolean(), false),
  visual_config: or(visualSchema, visualSchema.parse({})),
  image_aspect_ratio: z.enum(["pad", "square", "default"]).nullish(),
  score_id: z.number().int().nonnegative().nullish(),
});

type Parsed = z.infer<typeof schema>;

/** Of the error that names fields of newer layouts. */
export const mplugOwl2Schemas = [
  schema,
  // What its training wrote of itself.
  z.object({ freeze_vision_model: z.boolean(), tune_visual_abstractor: z.boolean(), visual_abstractor_lr: z.number() }),
];

/**
 * Checks a parsed `config.json`.
 *
 * @param file what messages call it
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function parseMplugOwl2Config(config: unknown, file = "config.json", vocabSize?: number): MplugOwl2Config {
  const values = parsedBy(schema, config, (what) => invalid(file, what));
  const vision = clipVision(values.visual_config.visual_model, (what) => invalid(file, what), "visual_model");
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    vision,
    abstractor: abstractorConfig(values, vision, file),
    text: textConfig(values, file, vocabSize),
    pads: values.image_aspect_ratio === "pad",
    scores: values.score_id !== undefined && values.score_id !== null,
  };
}

function abstractorConfig(parsed: Parsed, vision: VisionConfig, file: string): AbstractorConfig {
  const values = parsed.visual_config.visual_abstractor;
  const { hidden_size, num_attention_heads } = values;
  const rowSize = values.encoder_hidden_size ?? hidden_size;
  checkHeads("visual_abstractor", hidden_size, num_attention_heads, (what) => invalid(file, what));
  // Each layer attends to its queries and the vision tower's rows side by side, so they are of one size.
  if (hidden_size !== vision.hiddenSize || rowSize !== hidden_size) {
    const sizes = `hidden_size ${hidden_size}, encoder_hidden_size ${rowSize}`;
    throw invalid(file, `visual_abstractor: ${sizes}, but the vision tower has ${vision.hiddenSize}`);
  }
  const grid = Math.floor(vision.imageSize / vision.patchSize);
  if ((values.grid_size ?? grid) !== grid || hidden_size % 4 !== 0) {
    const sizes = `grid_size ${String(values.grid_size)}, hidden_size ${hidden_size}`;
    throw invalid(file, `visual_abstractor: ${sizes} do not fit ${grid} x ${grid} patches with two-dimensional places`);
  }
  return {
    queries: values.num_learnable_queries,
    hiddenSize: hidden_size,
    intermediateSize: values.intermediate_size,
    layers: values.num_hidden_layers,
    heads: num_attention_heads,
    grid,
    innerNormEps: values.layer_norm_eps,
    outputSize: parsed.hidden_size,
  };
}

function textConfig(values: Parsed, file: string, vocabSize?: number): DecoderConfig {
  const { hidden_size } = values;
  const heads = headsOf(values, (what) => invalid(file, what));
  return {
    vocabSize: vocabSize ?? values.vocab_size,
    hiddenSize: hidden_size,
    intermediateSize: values.intermediate_size,
    layers: values.num_hidden_layers,
    ...heads,
    normEps: values.rms_norm_eps,
    ropeTheta: values.rope_theta,
    activation: values.hidden_act,
    attentionBias: values.attention_bias,
    outputBias: values.attention_bias,
    mlpBias: false,
    tied: values.tie_word_embeddings,
    multiway: true,
  };
}

function invalid(file: string, what: string): Error {
  return invalidFor("an mPLUG-Owl2", file)(what);
}

/** Rows that an image takes in the sequence: the queries, and one that closes them. */
export function rowsPerImage({ abstractor }: MplugOwl2Config): number {
  return abstractor.queries + 1;
}
