/**
 * `config.json` of Qwen2.5-VL checkpoints: flat as the public files, repeated in `text_config` as transformers 4.52 to 4.57
 * write it, or nested as transformers 5 does; checked, and filled in with transformers 5.24's defaults where keys are absent.
 */
import { z } from "zod";
import {
  activation,
  blockSide,
  count,
  imageSide,
  or,
  OR_DEFAULT,
  patchSide,
  positive,
  invalidFor,
  parsedBy,
} from "../common/config-fields.js";
import type { InvalidConfig } from "../common/config-fields.js";
import { qwen2Published, qwen2Text, qwen2TextSchema, topFields } from "../common/qwen/config.js";
import type { Qwen2Config } from "../common/qwen/qwen2-mllm.js";
import type { TowerConfig } from "../common/qwen/tower.js";

export interface Qwen25VlConfig extends Qwen2Config {
  /** Positions that a second of a video takes. */
  readonly tokensPerSecond: number;
}

/** The defaults are those of Qwen2_5_VLVisionConfig. The public files call the channels `in_chans`. */
const visionSchema = z.looseObject({
  depth: or(count, 32),
  hidden_size: or(count, 3584),
  hidden_act: or(activation, "silu" as const),
  intermediate_size: or(count, 3420),
  num_heads: or(count, 16),
  in_channels: count.nullish(),
  in_chans: count.nullish(),
  patch_size: or(patchSide, 14),
  spatial_merge_size: or(blockSide, 2),
  temporal_patch_size: or(blockSide, 2),
  tokens_per_second: or(positive.max(2 ** 20), 4),
  window_size: or(imageSide, 112),
  out_hidden_size: or(count, 3584),
  fullatt_block_indexes: or(z.array(z.number().int().nonnegative()), [7, 15, 23, 31]),
  rope_parameters: z
    .looseObject({ rope_type: or(z.literal("axial"), "axial"), rope_theta: positive.nullish() })
    .nullish(),
});

const schema = z.looseObject({
  model_type: z.literal("qwen2_5_vl"),
  vision_config: or(visionSchema, visionSchema.parse({})),
  ...topFields,
});

/** Of the error that names fields of newer layouts. */
export const qwen25VlSchemas = [schema, qwen2TextSchema, qwen2Published];

/**
 * Checks a parsed `config.json`.
 *
 * @param file what messages call it
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function parseQwen25VlConfig(config: unknown, file = "config.json", vocabSize?: number): Qwen25VlConfig {
  const invalid = invalidFor("a Qwen2.5-VL", file);
  const values = parsedBy(schema, config, invalid);
  const decoder = qwen2Text(config, values, invalid, vocabSize);
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    vision: visionConfig(values.vision_config, decoder.text.hiddenSize, invalid),
    tokensPerSecond: values.vision_config.tokens_per_second,
    ...decoder,
  };
}

function visionConfig(values: z.infer<typeof visionSchema>, rowSize: number, invalid: InvalidConfig): TowerConfig {
  const { hidden_size, num_heads, out_hidden_size, patch_size, spatial_merge_size, window_size } = values;
  if (!Number.isInteger(hidden_size / num_heads / 4)) {
    const sizes = `hidden_size ${hidden_size} does not divide into ${num_heads} heads (num_heads)`;
    throw invalid(`vision_config: ${sizes} of a size that is a multiple of 4`);
  }
  if (out_hidden_size !== rowSize) {
    throw invalid(
      `vision_config: out_hidden_size ${out_hidden_size} is not the language model's hidden_size, ${rowSize}${OR_DEFAULT}`,
    );
  }
  const side = Math.floor(window_size / spatial_merge_size / patch_size);
  if (side < 1) {
    const block = `${spatial_merge_size} x ${patch_size} pixels (spatial_merge_size, patch_size)`;
    throw invalid(`vision_config: window_size ${window_size} is less than a block of ${block}`);
  }
  return {
    hiddenSize: hidden_size,
    intermediateSize: values.intermediate_size,
    layers: values.depth,
    heads: num_heads,
    channels: values.in_channels ?? values.in_chans ?? 3,
    patchSize: patch_size,
    frames: values.temporal_patch_size,
    merge: spatial_merge_size,
    activation: values.hidden_act,
    normEps: 1e-6,
    rms: true,
    ropeTheta: values.rope_parameters?.rope_theta ?? 10000,
    outputSize: out_hidden_size,
    windows: { side, except: new Set(values.fullatt_block_indexes) },
  };
}
