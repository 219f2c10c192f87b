/** What the `config.json` files of Qwen's families have in common. */
import { z } from "zod";
import type { DecoderConfig } from "../../../nn/index.js";
import {
  activation,
  count,
  headsOf,
  or,
  OR_DEFAULT,
  parsedBy,
  patchSide,
  positive,
  tokenId,
  type InvalidConfig,
} from "../config-fields.js";

/** How a vision tower cuts pictures and videos. */
export interface PatchSizes {
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Frames a patch is deep; a still picture fills them all. */
  readonly frames: number;
  /** Patches a side that make one row of the language model. */
  readonly merge: number;
}

/** The ids that stand for one row of a picture, and of a video. */
export interface VisualTokens {
  readonly imageTokenId: number;
  readonly videoTokenId: number;
}

/** A checked `config.json`. */
export interface QwenConfig<Vision extends PatchSizes = PatchSizes, Text = DecoderConfig> extends VisualTokens {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  readonly vision: Vision;
  readonly text: Text;
  /** How many of a head's frequencies turn with time, height and width, in this order (`mrope_section`). */
  readonly sections: readonly number[];
}

/** Files call it "mrope" or, once saved again, "default"; the sections count, not the name. */
const ropeType = z.enum(["mrope", "default"]).nullish();

/** Fields of `rope_scaling`, which transformers 4 wrote, and of `rope_parameters`, which transformers 5 writes. */
export const ropeSchema = z
  .looseObject({ type: ropeType, rope_type: ropeType, rope_theta: positive.nullish() })
  .extend({ mrope_section: z.array(count).min(1).nullish() });
export const ropeFields = ropeSchema.nullish();

type RopeFields = z.infer<typeof ropeSchema>;

/** The rope fields of a text config in the spellings of all generations. */
export interface RopeSpellings<Fields extends RopeFields = RopeFields> {
  readonly rope_theta?: number | null | undefined;
  readonly rope_scaling?: Fields | null | undefined;
  readonly rope_parameters?: Fields | null | undefined;
}

/** The fields of whichever spelling there is. */
export function ropeOf<Fields extends RopeFields>(values: RopeSpellings<Fields>): Partial<Fields> {
  return values.rope_scaling ?? values.rope_parameters ?? {};
}

/** The base of the frequencies. @param fallback where no spelling says it */
export function thetaOf(values: RopeSpellings, fallback: number): number {
  return ropeOf(values).rope_theta ?? values.rope_theta ?? fallback;
}

/**
 * `mrope_section`, checked.
 *
 * @param turned elements of a head that turn: all of it, or less with `partial_rotary_factor`
 * @param fallback transformers' own default of the family
 */
function sectionsOf(
  values: RopeSpellings,
  turned: number,
  fallback: readonly number[],
  invalid: InvalidConfig,
): readonly number[] {
  const sections = ropeOf(values).mrope_section ?? fallback;
  if (sections.reduce((sum, size) => sum + size, 0) === turned / 2) return sections;
  throw invalid(
    `mrope_section [${sections.join(", ")}] does not add up to ${turned / 2}, half a head's size${OR_DEFAULT}`,
  );
}

/** transformers' own default of `mrope_section` of both, for heads of 128. */
const SECTIONS = [16, 24, 24];

/** The defaults are those of Qwen2VLTextConfig and Qwen2_5_VLTextConfig. */
export const qwen2TextSchema = z.looseObject({
  vocab_size: or(count, 152064),
  hidden_size: or(count, 8192),
  intermediate_size: or(count, 29568),
  num_hidden_layers: or(count, 80),
  num_attention_heads: or(count, 64),
  // Null means one a head, absent eight.
  num_key_value_heads: count.nullable().default(8),
  hidden_act: or(activation, "silu" as const),
  rms_norm_eps: or(positive, 1e-5),
  rope_theta: positive.nullish(),
  rope_scaling: ropeFields,
  rope_parameters: ropeFields,
  use_sliding_window: or(z.boolean(), false),
  max_window_layers: or(z.number().int().nonnegative(), 80),
  layer_types: z.array(z.literal("full_attention", { error: "only full_attention is supported" })).nullish(),
  tie_word_embeddings: or(z.boolean(), false),
});

/** Of a vision tower in public files: it repeats `patch_size`, and transformers does not look at it. */
const spatialPatchSize = z.object({ spatial_patch_size: patchSide });
/** The channels in public files; transformers looks at `in_channels`. */
const rgbChannels = z.object({ in_chans: z.literal(3) });

/** What public files of Qwen2-VL and Qwen2.5-VL have beside the fields that are looked at. */
export const qwen2Published = z.object({ vision_config: spatialPatchSize.extend(rgbChannels.shape) });

/** Fields at the top of Qwen2-VL's and Qwen2.5-VL's files, whose text may be nested or at the top. */
export const topFields = {
  text_config: qwen2TextSchema.nullish(),
  image_token_id: or(tokenId, 151655),
  video_token_id: or(tokenId, 151656),
  tie_word_embeddings: or(z.boolean(), false),
};

type Top = z.infer<z.ZodObject<typeof topFields>>;

/**
 * The Qwen2 decoder of Qwen2-VL and Qwen2.5-VL. With a `text_config` of its own, whatever else is at the top is ignored (as in
 * transformers).
 *
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number
 */
export function qwen2Text(
  config: unknown,
  top: Top,
  invalid: InvalidConfig,
  vocabSize?: number,
): VisualTokens & { readonly text: DecoderConfig; readonly sections: readonly number[] } {
  const values = top.text_config ?? parsedBy(qwen2TextSchema, config, invalid);
  const { hidden_size, num_hidden_layers: layers } = values;
  const heads = headsOf(values, invalid);
  if (values.use_sliding_window && values.max_window_layers < layers) {
    throw invalid(`use_sliding_window is true for layers from ${values.max_window_layers} on: not supported`);
  }
  const text: DecoderConfig = {
    vocabSize: vocabSize ?? values.vocab_size,
    hiddenSize: hidden_size,
    intermediateSize: values.intermediate_size,
    layers,
    ...heads,
    normEps: values.rms_norm_eps,
    ropeTheta: thetaOf(values, 1e6),
    activation: values.hidden_act,
    attentionBias: true,
    outputBias: false,
    mlpBias: false,
    tied: top.tie_word_embeddings || values.tie_word_embeddings,
  };
  const sections = sectionsOf(values, text.headDim, SECTIONS, invalid);
  return { text, sections, imageTokenId: top.image_token_id, videoTokenId: top.video_token_id };
}
