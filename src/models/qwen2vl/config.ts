/**
 * `config.json` of Qwen2-VL checkpoints, flat as the public files or nested as transformers 5 writes it: checked, and
 * filled in with transformers 5.18's defaults where keys are absent.
 */
import { z } from "zod";
import {
  activation,
  blockSide,
  count,
  or,
  positive,
  patchSide,
  invalidFor,
  parsedBy,
} from "../common/config-fields.js";
import type { InvalidConfig } from "../common/config-fields.js";
import { qwen2Published, qwen2Text, qwen2TextSchema, topFields } from "../common/qwen/config.js";
import type { Qwen2Config } from "../common/qwen/qwen2-mllm.js";
import type { TowerConfig } from "../common/qwen/tower.js";

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

const schema = z.looseObject({
  model_type: z.literal("qwen2_vl"),
  vision_config: or(visionSchema, visionSchema.parse({})),
  ...topFields,
});

/** Of the error that names fields of newer layouts. */
export const qwen2VlSchemas = [schema, qwen2TextSchema, qwen2Published];

/**
 * Checks a parsed `config.json`.
 *
 * @param file what messages call it
 * @param vocabSize rows of the checkpoint's matrices, which count more than the file's number
 * @throws RocError CONFIG_INVALID naming the fields
 */
export function parseQwen2VlConfig(config: unknown, file = "config.json", vocabSize?: number): Qwen2Config {
  const invalid = invalidFor("a Qwen2-VL", file);
  const values = parsedBy(schema, config, invalid);
  const decoder = qwen2Text(config, values, invalid, vocabSize);
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    vision: visionConfig(values.vision_config, decoder.text.hiddenSize, invalid),
    ...decoder,
  };
}

function visionConfig(values: z.infer<typeof visionSchema>, rowSize: number, invalid: InvalidConfig): TowerConfig {
  const { embed_dim, num_heads, hidden_size } = values;
  if (!Number.isInteger(embed_dim / num_heads / 4)) {
    const sizes = `embed_dim ${embed_dim} does not divide into ${num_heads} heads (num_heads)`;
    throw invalid(`vision_config: ${sizes} of a size that is a multiple of 4`);
  }
  if (hidden_size !== rowSize) {
    const sizes = `hidden_size ${hidden_size} is not the language model's, ${rowSize}`;
    throw invalid(`vision_config: ${sizes} (the vision tower's own width is embed_dim)`);
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
