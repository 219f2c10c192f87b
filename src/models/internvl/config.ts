/**
 * `config.json` of InternVL checkpoints (2.5, 3 and 3.5), transformers' and the original code's: checked, and filled in with
 * the defaults of the classes that read them where keys are absent.
 */
import { z } from "zod";
import type { ActivationName, DecoderConfig } from "../../nn/index.js";
import {
  activation,
  checkHeads,
  count,
  headsOf,
  imageSide,
  or,
  patchSide,
  positive,
  tokenId,
  hiddenStateOf,
  invalidFor,
  parsedBy,
  squareOf,
  type InvalidConfig,
} from "../common/config-fields.js";
import type { Layout } from "./names.js";

export interface VisionConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly channels: number;
  /** Side in pixels of the pictures that the table of positions is for. */
  readonly imageSize: number;
  readonly patchSize: number;
  readonly activation: ActivationName;
  readonly norm: "layer_norm" | "rms_norm";
  readonly normEps: number;
  /** Biases of q, k and v. */
  readonly qkvBias: boolean;
  /** RMSNorm of q and k over their whole width (the 6B tower), with this epsilon; undefined: none. */
  readonly qkNormEps: number | undefined;
  /** What a fresh layer scale is. */
  readonly scale: number;
  /** transformers' files may have a norm behind the last layer (`use_mean_pooling` false) and a token for masked patches. */
  readonly finalNorm: boolean;
  readonly maskToken: boolean;
}

/** How a picture becomes tiles where no other file says it. */
export interface TileDefaults {
  /** Side of a tile in pixels. */
  readonly size: number;
  readonly cuts: boolean;
  readonly min: number;
  readonly max: number;
  readonly thumbnail: boolean;
}

export interface InternVlConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  readonly layout: Layout;
  readonly vision: VisionConfig;
  readonly text: DecoderConfig;
  /** Index into the tower's hidden states (0: its input, `layers`: its last output). */
  readonly featureLayer: number;
  /** Whether what is looked at is behind the tower's last norm. */
  readonly behindNorm: boolean;
  /** Patches a side that make one row of the language model. */
  readonly block: number;
  /** The rows of a tile are those of its transposed picture (`ps_version` v1). */
  readonly transposed: boolean;
  readonly projectorActivation: ActivationName;
  /** Stands for one row of a picture; undefined in the original layout, where the tokenizer knows it. */
  readonly imageTokenId: number | undefined;
  readonly tiles: TileDefaults;
  /** How prompts are framed in the original layout. */
  readonly template: string;
  /** Takes the place of the template's own text. */
  readonly systemMessage: string | undefined;
}

const norm = z.enum(["layer_norm", "rms_norm"]);

/** The defaults are those of transformers' InternVLVisionConfig. */
const hfVision = z
  .looseObject({
    hidden_size: or(count, 1024),
    num_hidden_layers: or(count, 24),
    num_attention_heads: or(count, 16),
    attention_bias: or(z.boolean(), false),
    use_qk_norm: or(z.boolean(), false),
    intermediate_size: or(count, 4096),
    hidden_act: or(activation, "gelu" as const),
    norm_type: or(norm, "layer_norm" as const),
    layer_norm_eps: or(positive, 1e-6),
    image_size: or(squareOf(imageSide), 448),
    patch_size: or(squareOf(patchSide), 14),
    num_channels: or(count, 3),
    use_mask_token: or(z.boolean(), false),
    use_absolute_position_embeddings: or(
      z.literal(true, { error: "without a table of positions: not supported" }),
      true,
    ),
    layer_scale_init_value: or(z.number(), 0.1),
    use_mean_pooling: or(z.boolean(), true),
  })
  .transform((values) => ({
    ...values,
    // This class's norms of q and k have an epsilon of their own.
    qk_norm_eps: values.use_qk_norm ? 1e-6 : undefined,
  }));

type Vision = z.infer<typeof hfVision>;

/** The defaults are those of the original InternVisionConfig (the 6B tower's); the names become transformers'. */
const originalVision = z
  .looseObject({
    hidden_size: or(count, 3200),
    num_hidden_layers: or(count, 48),
    num_attention_heads: or(count, 25),
    qkv_bias: or(z.boolean(), false),
    qk_normalization: or(z.boolean(), true),
    intermediate_size: or(count, 12800),
    hidden_act: or(activation, "gelu" as const),
    norm_type: or(norm, "rms_norm" as const),
    layer_norm_eps: or(positive, 1e-6),
    image_size: or(imageSide, 224),
    patch_size: or(patchSide, 14),
    initializer_factor: or(z.number(), 0.1),
  })
  .transform((values): Vision => ({
    ...values,
    attention_bias: values.qkv_bias,
    use_qk_norm: values.qk_normalization,
    qk_norm_eps: values.qk_normalization ? values.layer_norm_eps : undefined,
    // Its convolution has three, whatever num_channels says.
    num_channels: 3,
    use_mask_token: false,
    use_absolute_position_embeddings: true,
    layer_scale_init_value: values.initializer_factor,
    use_mean_pooling: true,
  }));

/** "dynamic" changes nothing up to `max_position_embeddings` tokens. */
const ropeKind = z.enum(["default", "dynamic"]).nullish();
const rope = z
  .looseObject({
    rope_type: ropeKind,
    type: ropeKind,
    rope_theta: positive.nullish(),
    factor: z.number().min(1).nullish(),
  })
  .nullish();

/** The defaults are those of Qwen2Config, LlamaConfig and Qwen3Config, which differ in what {@link MODELS} has. */
const textSchema = z.looseObject({
  vocab_size: count.nullish(),
  hidden_size: or(count, 4096),
  intermediate_size: count.nullish(),
  num_hidden_layers: or(count, 32),
  num_attention_heads: or(count, 32),
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  hidden_act: or(activation, "silu" as const),
  rms_norm_eps: or(positive, 1e-6),
  // transformers 5 writes rope_parameters, 4 wrote rope_theta and rope_scaling.
  rope_theta: positive.nullish(),
  rope_parameters: rope,
  rope_scaling: rope,
  max_position_embeddings: count.nullish(),
  attention_bias: or(z.boolean(), false),
  mlp_bias: or(z.boolean(), false),
  use_sliding_window: or(z.boolean(), false),
  max_window_layers: or(z.number().int().nonnegative(), 28),
  layer_types: z.array(z.literal("full_attention", { error: "only full_attention is supported" })).nullish(),
  tie_word_embeddings: z.boolean().nullish(),
});

type Text = z.infer<typeof textSchema>;
type Biases = Pick<DecoderConfig, "attentionBias" | "outputBias" | "mlpBias" | "qkNorm">;

/** What the language models that are computed here have, by `model_type`. */
const MODELS = {
  qwen2: {
    vocab: 151936,
    inner: 22016,
    positions: 32768,
    biases: () => ({ attentionBias: true, outputBias: false, mlpBias: false }),
  },
  qwen3: {
    vocab: 151936,
    inner: 22016,
    positions: 32768,
    biases: ({ attention_bias: bias }) => ({ attentionBias: bias, outputBias: bias, mlpBias: false, qkNorm: true }),
  },
  llama: {
    vocab: 32000,
    inner: 11008,
    positions: 2048,
    biases: ({ attention_bias: bias, mlp_bias }) => ({ attentionBias: bias, outputBias: bias, mlpBias: mlp_bias }),
  },
} as const satisfies Record<
  string,
  { vocab: number; inner: number; positions: number; biases: (values: Text) => Biases }
>;

const flag = or(z.boolean(), false);

/** Tiles of a picture at most: far above any checkpoint's, and a picture of so many still fits in memory. */
export const MOST_TILES = 128;

const common = {
  downsample_ratio: or(positive.max(1), 0.5),
  tie_word_embeddings: z.boolean().nullish(),
};

const hfSchema = z.looseObject({
  vision_config: or(hfVision, hfVision.parse({})),
  text_config: z.looseObject({}).nullish(),
  image_token_id: or(tokenId, 151667),
  projector_hidden_act: or(activation, "gelu" as const),
  vision_feature_layer: or(z.number().int(), -1),
  vision_feature_select_strategy: or(z.literal("default", { error: "only default is supported" }), "default"),
  ...common,
});

/** The defaults are those of the original InternVLChatConfig. */
const originalSchema = z.looseObject({
  vision_config: or(originalVision, originalVision.parse({})),
  llm_config: z.looseObject({}),
  select_layer: or(z.number().int(), -1),
  ps_version: or(z.enum(["v1", "v2"]), "v1" as const),
  force_image_size: imageSide.nullish(),
  dynamic_image_size: flag,
  use_thumbnail: flag,
  min_dynamic_patch: or(count.max(MOST_TILES), 1),
  max_dynamic_patch: or(count.max(MOST_TILES), 6),
  pad2square: or(z.literal(false, { error: "pictures padded to squares: not supported" }), false),
  template: or(z.string(), "internvl2_5"),
  // Absent: the template's own; null is the word that Python makes of it.
  system_message: z.string().nullable().optional(),
  // Ours: where a folder has no tokenizer.
  img_context_token_id: tokenId.nullish(),
  ...common,
});

const ORIGINAL_TYPE = "internvl_chat";

const off = z.literal(false);

/** What public files say of a tower with experts, though `use_moe` says that there are none; and how attention is computed. */
const originalVisionUnread = z.object({
  use_moe: off,
  use_flash_attn: z.boolean(),
  capacity_factor: z.number(),
  eval_capacity_factor: z.number(),
  laux_allreduce: z.string(),
  moe_coeff_ratio: z.number(),
  moe_intermediate_size: z.number(),
  moe_output_scale: z.number(),
  noisy_gate_policy: z.string(),
  num_channels: z.literal(3),
  num_experts: z.number(),
  num_routed_experts: z.number(),
  num_shared_experts: z.number(),
  shared_expert_intermediate_size: z.number(),
  use_residual: z.boolean(),
  use_rts: z.boolean(),
  use_weighted_residual: z.boolean(),
});

/** Of InternVL3.5's training code, which spreads experts over machines. */
const llmUnread = z.object({
  debug: off,
  ep_size: z.literal(1),
  micro_forward: off,
  skip_checkpoint: z.boolean(),
  use_deepep: off,
});

/** Of the error that names fields of newer layouts. */
export const internVlSchemas = [
  hfSchema,
  originalSchema,
  z.object({ text_config: textSchema, llm_config: textSchema }),
  z.object({
    // The original code repeats the language model's; adapters have been merged into public weights.
    hidden_size: count,
    use_backbone_lora: z.literal(0),
    use_llm_lora: z.literal(0),
    vision_config: originalVisionUnread,
    llm_config: llmUnread,
  }),
];

/**
 * Checks a parsed `config.json`.
 *
 * @param file what messages call it
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function parseInternVlConfig(config: unknown, file = "config.json", vocabSize?: number): InternVlConfig {
  const raw = structuredClone({ ...(config as Record<string, unknown>) });
  return raw["model_type"] === ORIGINAL_TYPE ? original(raw, file, vocabSize) : hf(raw, file, vocabSize);
}

function hf(raw: Record<string, unknown>, file: string, vocabSize?: number): InternVlConfig {
  const values = parsedBy(hfSchema, raw, (what) => invalid(file, what));
  const vision = visionConfig(values.vision_config, file);
  const layers = vision.layers;
  return {
    ...{ raw, layout: "hf", vision, transposed: false },
    text: textConfig(values.text_config ?? {}, "text_config", values.tie_word_embeddings ?? true, file, vocabSize),
    featureLayer: hiddenStateOf("vision_feature_layer", values.vision_feature_layer, layers, (what) =>
      invalid(file, what),
    ),
    behindNorm: values.vision_feature_layer === -1,
    block: blockOf(values.downsample_ratio, file),
    projectorActivation: values.projector_hidden_act,
    imageTokenId: values.image_token_id,
    tiles: { size: vision.imageSize, cuts: true, min: 1, max: 12, thumbnail: true },
    ...{ template: "", systemMessage: undefined },
  };
}

function original(raw: Record<string, unknown>, file: string, vocabSize?: number): InternVlConfig {
  const values = parsedBy(originalSchema, raw, (what) => invalid(file, what));
  const vision = visionConfig(values.vision_config, file);
  const { dynamic_image_size: cuts, min_dynamic_patch: min, max_dynamic_patch: max } = values;
  if (cuts && min > max) throw invalid(file, `min_dynamic_patch ${min} is above max_dynamic_patch ${max}`);
  return {
    ...{ raw, layout: "original", vision, transposed: values.ps_version === "v1" },
    text: textConfig(values.llm_config, "llm_config", values.tie_word_embeddings ?? false, file, vocabSize),
    featureLayer: hiddenStateOf("select_layer", values.select_layer, vision.layers, (what) => invalid(file, what)),
    behindNorm: false,
    block: blockOf(values.downsample_ratio, file),
    projectorActivation: "gelu",
    imageTokenId: values.img_context_token_id ?? undefined,
    tiles: {
      size: tileSide(values, vision, file),
      ...{ cuts, min, max },
      thumbnail: values.use_thumbnail,
    },
    template: values.template,
    systemMessage: values.system_message === null ? "None" : values.system_message,
  };
}

/** Side of a tile of the original layout. @throws RocError CONFIG_INVALID naming the field where it is not whole blocks */
function tileSide(values: z.infer<typeof originalSchema>, vision: VisionConfig, file: string): number {
  const { force_image_size: forced, downsample_ratio: ratio } = values;
  const [field, size] = forced ? ["force_image_size", forced] : ["vision_config: image_size", vision.imageSize];
  const fault = tileFault(size, vision, blockOf(ratio, file));
  if (fault === undefined) return size;
  throw invalid(file, `${field} ${size} ${fault}`);
}

/** Why tiles of a side cannot be looked at; undefined: they can. @param block patches a side that make one row */
export function tileFault(size: number, { patchSize }: VisionConfig, block: number): string | undefined {
  const patches = Math.floor(size / patchSize);
  if (patches > 0 && patches % block === 0) return undefined;
  const blocks = `blocks of ${block} x ${block} (downsample_ratio), of which a tile has one at least`;
  return `makes ${patches} x ${patches} patches of ${patchSize} pixels, which are not whole ${blocks}`;
}

function visionConfig(values: Vision, file: string): VisionConfig {
  const { hidden_size: hiddenSize, num_attention_heads: heads, image_size: imageSize, patch_size: patchSize } = values;
  checkHeads("vision_config", hiddenSize, heads, (what) => invalid(file, what));
  if (imageSize < patchSize) throw invalid(file, `vision_config: image_size ${imageSize} is below patch_size`);
  return {
    ...{ hiddenSize, heads, imageSize, patchSize },
    intermediateSize: values.intermediate_size,
    layers: values.num_hidden_layers,
    channels: values.num_channels,
    activation: values.hidden_act,
    norm: values.norm_type,
    normEps: values.layer_norm_eps,
    qkvBias: values.attention_bias,
    qkNormEps: values.qk_norm_eps,
    scale: values.layer_scale_init_value,
    finalNorm: !values.use_mean_pooling,
    maskToken: values.use_mask_token,
  };
}

function textConfig(config: object, key: string, tied: boolean, file: string, vocabSize?: number): DecoderConfig {
  const model = MODELS[modelOf(config, key, file)];
  const values = parsedBy(textSchema, config, (what) => invalid(`${file}: ${key}`, what));
  const { num_hidden_layers: layers } = values;
  // Null means one a head; where Qwen's classes say nothing there are 32.
  const kvHeads = "num_key_value_heads" in config || model === MODELS.llama ? values.num_key_value_heads : 32;
  const heads = headsOf({ ...values, num_key_value_heads: kvHeads }, (what) => invalid(file, `${key}: ${what}`));
  if (values.use_sliding_window && values.max_window_layers < layers) {
    const text = `use_sliding_window is true for layers from ${values.max_window_layers} on: not supported`;
    throw invalid(file, `${key}: ${text}`);
  }
  return {
    vocabSize: vocabSize ?? values.vocab_size ?? model.vocab,
    hiddenSize: values.hidden_size,
    intermediateSize: values.intermediate_size ?? model.inner,
    layers,
    ...heads,
    normEps: values.rms_norm_eps,
    ropeTheta: values.rope_parameters?.rope_theta ?? values.rope_theta ?? 10000,
    dynamicRope: dynamicRope(values, model.positions, (what) => invalid(file, `${key}: ${what}`)),
    activation: values.hidden_act,
    ...model.biases(values),
    tied,
  };
}

/** @param positions where the file does not say how many there are */
function dynamicRope(values: Text, positions: number, invalid: InvalidConfig): DecoderConfig["dynamicRope"] {
  const { rope_type, type, factor } = values.rope_scaling ?? values.rope_parameters ?? {};
  if ((rope_type ?? type) !== "dynamic") return undefined;
  if (typeof factor !== "number") throw invalid('rope_scaling is "dynamic" without a factor');
  return { factor, positions: values.max_position_embeddings ?? positions };
}

const named = z.looseObject({ model_type: z.string().nullish(), architectures: z.array(z.string()).nullish() });

/** The original code goes by the class that the language model's config names. */
function modelOf(config: object, key: string, file: string): keyof typeof MODELS {
  const { model_type, architectures } = parsedBy(named, config, (what) => invalid(`${file}: ${key}`, what));
  const type = model_type ?? architectures?.[0]?.replace(/ForCausalLM$/, "").toLowerCase() ?? "qwen2";
  if (Object.hasOwn(MODELS, type)) return type as keyof typeof MODELS;
  const known = Object.keys(MODELS).join(", ");
  throw invalid(file, `${key}: model_type "${type}" is no language model that is computed here; known are: ${known}`);
}

function blockOf(ratio: number, file: string): number {
  const block = Math.round(1 / ratio);
  if (Math.abs(block * ratio - 1) < 1e-6 && block <= 64) return block;
  throw invalid(file, `downsample_ratio ${ratio} is not one over a whole number`);
}

function invalid(file: string, what: string): Error {
  return invalidFor("an InternVL", file)(what);
}

/** Rows that a tile of `side` pixels takes in the language model's sequence. */
export function rowsPerTile({ vision, block }: InternVlConfig, side: number): number {
  return Math.floor(Math.floor(side / vision.patchSize) / block) ** 2;
}
