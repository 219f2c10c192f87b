/** `config.json` of MAINet. */
import { z } from "zod";
import { PIXEL_FILTERS } from "../../image/index.js";
import { count, imageSide, invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { openOutput, outputFields } from "../common/outputs.js";
import type { ResNetConfig } from "../common/resnet.js";
import type { Output } from "../types.js";
import { MAINET } from "./facts.js";
import { PLACE, scaleSizes, type ScaleSteps } from "./prepare.js";

const share = z.number().min(0).max(0.95);

const schema = z.looseObject({
  model_type: z.literal(MAINET),
  scale: outputFields.scale,
  image_width: imageSide,
  image_height: imageSide,
  smaller_widths: z.tuple([imageSide, imageSide]),
  resample: z.enum(PIXEL_FILTERS),
  width: count.max(1024),
  depths: z.array(count.max(64)).length(4),
  hidden: count.max(8192),
  layers: count.max(64),
  heads: count.max(64),
  head_size: count.max(8192),
  feed_forward: count.max(65536),
  head_features: count.max(65536),
  grid: count.max(256),
  dropout: share,
});

/** The transformer's sizes. */
export interface EncoderSizes {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  /** Numbers of one head: as published each is as wide as the whole. */
  readonly headSize: number;
  readonly feedForward: number;
  /** Features of the last layer but one. */
  readonly headFeatures: number;
  /** Places along a side of the table of positions. */
  readonly grid: number;
  readonly dropout: number;
}

/** What a config says. */
export interface MainetConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  /** The overall score. */
  readonly score: Output;
  readonly steps: ScaleSteps;
  readonly resnet: ResNetConfig;
  readonly encoder: EncoderSizes;
}

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseMainetConfig(config: unknown, file = "config.json"): MainetConfig {
  const invalid = invalidFor("a MAINet", file);
  const values = parsedBy(schema, config, invalid);
  const size = { width: values.image_width, height: values.image_height };
  const steps = { filter: values.resample, size, smaller: values.smaller_widths };
  for (const { cut } of scaleSizes(steps))
    if (cut.width < PLACE || cut.height < PLACE || cut.width > size.width)
      throw invalid(
        `a size of ${cut.width} x ${cut.height} has no place of ${PLACE} pixels, or is wider than image_width`,
      );
  const { hidden, layers, heads, head_size: headSize, feed_forward: feedForward, grid, dropout } = values;
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    score: openOutput({ scale: values.scale }),
    steps,
    resnet: { block: "bottleneck", width: values.width, depths: values.depths },
    encoder: { hidden, layers, heads, headSize, feedForward, headFeatures: values.head_features, grid, dropout },
  };
}

/** The published sizes. */
export const PUBLISHED = {
  ...{ image_width: 1024, image_height: 768, smaller_widths: [384, 224], resample: "bicubic" },
  ...{ width: 64, depths: [3, 4, 6, 3], hidden: 384, layers: 14, heads: 6, head_size: 384, feed_forward: 384 },
  ...{ head_features: 1152, grid: 10, dropout: 0.1 },
};

/** For tests. */
export const TINY: typeof PUBLISHED = {
  ...{ image_width: 96, image_height: 64, smaller_widths: [64, 48], resample: "bicubic" },
  ...{ width: 2, depths: [1, 1, 1, 1], hidden: 8, layers: 2, heads: 2, head_size: 8, feed_forward: 8 },
  ...{ head_features: 12, grid: 3, dropout: 0.1 },
};
