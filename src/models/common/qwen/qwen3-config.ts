/** What the `config.json` files of Qwen3-VL and Qwen3.5 have in common: the vision tower, and how positions turn. */
import { z } from "zod";
import { activation, blockSide, count, or, OR_DEFAULT, patchSide, positive } from "../config-fields.js";
import type { InvalidConfig } from "../config-fields.js";
import { ropeOf, type RopeSpellings } from "./config.js";
import type { Qwen3VisionConfig } from "./qwen3-vision.js";

/** The defaults are those of Qwen3VLVisionConfig and Qwen3_5VisionConfig, but for the deepstack mergers of the former. */
export const qwen3VisionSchema = z.looseObject({
  depth: or(count, 27),
  hidden_size: or(count, 1152),
  hidden_act: or(activation, "gelu_pytorch_tanh" as const),
  intermediate_size: or(count, 4304),
  num_heads: or(count, 16),
  in_channels: or(count, 3),
  patch_size: or(patchSide, 16),
  spatial_merge_size: or(blockSide, 2),
  temporal_patch_size: or(blockSide, 2),
  out_hidden_size: or(count, 3584),
  num_position_embeddings: or(count, 2304),
  rope_parameters: z
    .looseObject({ rope_type: or(z.literal("axial"), "axial"), rope_theta: positive.nullish() })
    .nullish(),
});

/**
 * The vision tower of a config's `vision_config`.
 *
 * @param rowSize the language model's hidden size
 * @param deepstack blocks with a merger of their own
 */
export function qwen3Vision(
  values: z.infer<typeof qwen3VisionSchema>,
  rowSize: number,
  deepstack: readonly number[],
  invalid: InvalidConfig,
): Qwen3VisionConfig {
  const { hidden_size: size, num_heads: heads, out_hidden_size: outputSize } = values;
  if (!Number.isInteger(size / heads / 4)) {
    const sizes = `hidden_size ${size} does not divide into ${heads} heads (num_heads)`;
    throw invalid(`vision_config: ${sizes} of a size that is a multiple of 4`);
  }
  if (outputSize !== rowSize) {
    throw invalid(
      `vision_config: out_hidden_size ${outputSize} is not the language model's hidden_size, ${rowSize}${OR_DEFAULT}`,
    );
  }
  return {
    hiddenSize: size,
    intermediateSize: values.intermediate_size,
    layers: values.depth,
    heads,
    channels: values.in_channels,
    patchSize: values.patch_size,
    frames: values.temporal_patch_size,
    merge: values.spatial_merge_size,
    activation: values.hidden_act,
    normEps: 1e-6,
    ropeTheta: values.rope_parameters?.rope_theta ?? 10000,
    places: values.num_position_embeddings,
    outputSize,
    deepstack,
  };
}

/** `mrope_section`, checked: the axes take turns, so that they need not use up a head's frequencies: those left turn with time. */
export function turnsOf(values: RopeSpellings, fallback: readonly number[], invalid: InvalidConfig): readonly number[] {
  const sections = ropeOf(values).mrope_section ?? fallback;
  if (sections.length === 3) return sections;
  throw invalid(`mrope_section [${sections.join(", ")}] is not of three axes: time, height and width`);
}
