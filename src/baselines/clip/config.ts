/**
 * `config.json` of a CLIP tower with an aesthetic head: the fields of transformers' CLIPVisionConfig at the top, as the hub's
 * all-in-one repositories have them, and what the head is.
 */
import { z } from "zod";
import { clipVision, clipVisionFields } from "../../models/common/clip-config.js";
import type { VisionConfig } from "../../models/common/clip-vision.js";
import { count, invalidFor, or, parsedBy, type InvalidConfig } from "../../models/common/config-fields.js";
import { outputFields } from "../common/outputs.js";
import { HEAD_KINDS, type HeadKind } from "./heads.js";
import { LAION } from "./names.js";

/** Widths between the embedding and the score, as published (v2). */
export const MLP_SIZES: readonly number[] = [1024, 128, 64, 16];

const schema = z.looseObject({
  model_type: z.literal(LAION),
  ...clipVisionFields,
  projection_dim: or(count, 512),
  head: z.enum(HEAD_KINDS),
  head_sizes: or(z.array(count).min(1).max(16), [...MLP_SIZES]),
  scale: or(outputFields.scale, { min: 1, max: 10 }),
  image_processor: z.looseObject({}).nullish(),
});

/** What a config says. */
export interface LaionConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  readonly vision: VisionConfig;
  /** Length of the embedding. */
  readonly projection: number;
  readonly head: HeadKind;
  /** Widths between the embedding and the score; none where the head is one linear map. */
  readonly sizes: readonly number[];
  /** Of scores, about: nothing bounds them. */
  readonly scale: { readonly min: number; readonly max: number };
  /** As `preprocessor_config.json` has it. */
  readonly processor: Readonly<Record<string, unknown>>;
}

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseLaionConfig(config: unknown, file = "config.json"): LaionConfig {
  const invalid: InvalidConfig = invalidFor("a CLIP tower's with an aesthetic head,", file);
  const values = parsedBy(schema, config, invalid);
  const vision = clipVision(values, invalid, LAION);
  const { imageSize } = vision;
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    ...{ vision, projection: values.projection_dim, head: values.head, scale: values.scale },
    sizes: values.head === "linear" ? [] : values.head_sizes,
    // transformers' CLIPImageProcessor, whose other defaults are those of OpenAI's towers.
    processor: values.image_processor ?? { size: { shortest_edge: imageSize }, crop_size: imageSize },
  };
}
