/**
 * `config.json` of LLaVA-OneVision checkpoints, as transformers 4.45 to 5 writes it: checked, and filled in with 5.24's
 * defaults where keys are absent.
 */
import { z } from "zod";
import type { ActivationName, DecoderConfig } from "../../nn/index.js";
import { clipVision } from "../common/clip-config.js";
import type { VisionConfig } from "../common/clip-vision.js";
import {
  activation,
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
  sameOf,
  squareOf,
} from "../common/config-fields.js";
import type { AnyresRules } from "./anyres.js";

export interface LlavaOnevisionConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  readonly vision: VisionConfig;
  readonly text: DecoderConfig;
  /** Stand for one row of a picture, and of a video. */
  readonly imageTokenId: number;
  readonly videoTokenId: number;
  /** Indices into the vision tower's hidden states (0: its input, `layers`: its last output); several are concatenated. */
  readonly featureLayers: readonly number[];
  readonly projectorActivation: ActivationName;
  readonly projectorBias: boolean;
  /** How pictures become tiles. */
  readonly rules: AnyresRules;
}

/** The defaults are those of SiglipVisionConfig. */
const visionSchema = z.looseObject({
  model_type: or(z.literal("siglip_vision_model"), "siglip_vision_model"),
  hidden_size: or(count, 768),
  intermediate_size: or(count, 3072),
  num_hidden_layers: or(count, 12),
  num_attention_heads: or(count, 12),
  num_channels: or(count, 3),
  image_size: or(squareOf(imageSide), 224),
  patch_size: or(squareOf(patchSide), 16),
  hidden_act: or(activation, "gelu_pytorch_tanh" as const),
  layer_norm_eps: or(positive, 1e-6),
});

/** Without a `vision_config`: the tower of the public checkpoints. */
const SIGLIP_384 = {
  hidden_size: 1152,
  intermediate_size: 4304,
  num_hidden_layers: 26,
  num_attention_heads: 16,
  image_size: 384,
  patch_size: 14,
};

/** Older files say `type`. No other kind is computed here. */
const ropeKind = z.literal("default").nullish();
const rope = z.looseObject({ rope_type: ropeKind, type: ropeKind, rope_theta: positive.nullish() }).nullish();

/** The defaults are those of Qwen2Config. */
const textSchema = z.looseObject({
  model_type: or(z.literal("qwen2"), "qwen2"),
  vocab_size: or(count, 151936),
  hidden_size: or(count, 4096),
  intermediate_size: or(count, 22016),
  num_hidden_layers: or(count, 32),
  num_attention_heads: or(count, 32),
  // Null means one a head, absent 32.
  num_key_value_heads: count.nullable().default(32),
  head_dim: count.nullish(),
  hidden_act: or(activation, "silu" as const),
  rms_norm_eps: or(positive, 1e-6),
  // transformers 5 writes rope_parameters, 4 wrote rope_theta and rope_scaling.
  rope_theta: positive.nullish(),
  rope_parameters: rope,
  rope_scaling: rope,
  use_sliding_window: or(z.boolean(), false),
  max_window_layers: or(z.number().int().nonnegative(), 28),
  layer_types: z.array(z.literal("full_attention", { error: "only full_attention is supported" })).nullish(),
  tie_word_embeddings: or(z.boolean(), false),
});

/** Sides in pixels of a canvas; far above the public 2304. */
const canvasSide = count.max(2 ** 16);
/** `[height, width]`. */
export const pinpoints = z
  .array(z.tuple([canvasSide, canvasSide]))
  .min(1)
  .max(4096);
/** Tiles of a canvas at most: the public files have 36. */
const MOST_TILES = 1024;

const layerIndex = z.number().int();
const aspectRatio = z.string().regex(/^anyres_max_[1-9]\d{0,5}$/, { error: "only anyres_max_N is supported" });

const schema = z.looseObject({
  model_type: z.literal("llava_onevision"),
  vision_config: or(visionSchema, visionSchema.parse(SIGLIP_384)),
  text_config: or(textSchema, textSchema.parse({})),
  image_token_index: tokenId.nullish(),
  image_token_id: tokenId.nullish(),
  video_token_index: tokenId.nullish(),
  video_token_id: tokenId.nullish(),
  vision_feature_layer: or(z.union([layerIndex, z.array(layerIndex).min(1)]), -1),
  // "default" leaves out the first row for a class token, which SigLIP has not: transformers fails at its first picture.
  vision_feature_select_strategy: or(z.literal("full", { error: 'only "full" is supported' }), "full"),
  vision_aspect_ratio: or(aspectRatio, "anyres_max_9"),
  image_grid_pinpoints: pinpoints.nullish(),
  projector_hidden_act: or(activation, "gelu" as const),
  multimodal_projector_bias: or(z.boolean(), true),
  tie_word_embeddings: or(z.boolean(), false),
});

type Parsed = z.infer<typeof schema>;

/** Of the error that names fields of newer layouts. */
export const onevisionSchemas = [
  schema,
  // Rows of a picture end with a row of their own, always.
  z.object({ use_image_newline_parameter: z.literal(true) }),
];

/**
 * Checks a parsed `config.json`.
 *
 * @param file what messages call it
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function parseLlavaOnevisionConfig(
  config: unknown,
  file = "config.json",
  vocabSize?: number,
): LlavaOnevisionConfig {
  const values = parsedBy(schema, config, (what) => invalid(file, what));
  const { image_token_id, image_token_index, video_token_id, video_token_index } = values;
  const vision = clipVision(values.vision_config, (what) => invalid(file, what));
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    vision,
    text: textConfig(values, file, vocabSize),
    imageTokenId: sameOf({ image_token_id, image_token_index }, (what) => invalid(file, what)) ?? 151646,
    videoTokenId: sameOf({ video_token_id, video_token_index }, (what) => invalid(file, what)) ?? 151647,
    featureLayers: [values.vision_feature_layer]
      .flat()
      .map((layer) => hiddenStateOf("vision_feature_layer", layer, vision.layers, (what) => invalid(file, what))),
    projectorActivation: values.projector_hidden_act,
    projectorBias: values.multimodal_projector_bias,
    rules: {
      size: vision.imageSize,
      patches: Math.floor(vision.imageSize / vision.patchSize),
      pinpoints: checkPinpoints(values.image_grid_pinpoints ?? PUBLIC_PINPOINTS, vision.imageSize, file),
      most: Number(values.vision_aspect_ratio.slice("anyres_max_".length)),
    },
  };
}

/** Every canvas of 1 to 6 tiles of 384 pixels a side. */
const SIDES = [1, 2, 3, 4, 5, 6].map((tiles) => tiles * 384);
const PUBLIC_PINPOINTS = SIDES.flatMap((height) => SIDES.map((width): [number, number] => [height, width]));

/** The canvases, which whole tiles fill. @throws RocError CONFIG_INVALID */
export function checkPinpoints(
  list: readonly (readonly [number, number])[],
  size: number,
  file: string,
): AnyresRules["pinpoints"] {
  const wrong = list.find(([height, width]) => height % size !== 0 || width % size !== 0);
  if (wrong)
    throw invalid(file, `image_grid_pinpoints holds [${wrong.join(", ")}], no multiples of a tile's ${size} pixels`);
  const large = list.find(([height, width]) => (height / size) * (width / size) > MOST_TILES);
  if (large)
    throw invalid(
      file,
      `image_grid_pinpoints holds [${large.join(", ")}], more than ${MOST_TILES} tiles of ${size} pixels`,
    );
  return list;
}

function textConfig(parsed: Parsed, file: string, vocabSize?: number): DecoderConfig {
  const values = parsed.text_config;
  const { hidden_size, num_hidden_layers: layers } = values;
  const heads = headsOf(values, (what) => invalid(file, `text_config: ${what}`));
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
    ropeTheta: (values.rope_parameters ?? values.rope_scaling)?.rope_theta ?? values.rope_theta ?? 10000,
    activation: values.hidden_act,
    attentionBias: true,
    outputBias: false,
    mlpBias: false,
    tied: parsed.tie_word_embeddings || values.tie_word_embeddings,
  };
}

function invalid(file: string, what: string): Error {
  return invalidFor("a LLaVA-OneVision", file)(what);
}
