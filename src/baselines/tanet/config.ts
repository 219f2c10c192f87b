/** `config.json` of TANet. */
import { z } from "zod";
import { count, invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { outputsOf } from "../common/outputs.js";
import { ratingFields, squashFields, squashStepsOf } from "../common/rating-config.js";
import type { SquashSteps } from "../common/squash.js";
import type { Output } from "../types.js";
import { TANET } from "./facts.js";

const share = z.number().min(0).max(0.95);

const schema = z.looseObject({
  model_type: z.literal(TANET),
  ...ratingFields,
  ...squashFields,
  theme: z.enum(["picture", "batch"]),
  theme_width: count,
  theme_depths: z.array(count.max(64)).length(4),
  theme_classes: count,
  theme_features: count,
  mobilenet_width: z.number().positive().max(4),
  mobilenet_features: count,
  rgb_grid: count.max(64),
  theme_dropout: share,
  dropout: share,
});

/** What a config says. */
export interface TanetConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  /** The overall score. */
  readonly score: Output;
  readonly steps: SquashSteps;
  /** Whose weights a picture's theme features are multiplied with: its own, or those of all pictures of its batch. */
  readonly theme: "picture" | "batch";
  /** The ResNet that recognises scenes: channels of the stem, blocks of each stage, classes. */
  readonly scenes: { readonly width: number; readonly depths: readonly number[]; readonly classes: number };
  /** Length of the features that the hyper network's weights multiply. */
  readonly themeFeatures: number;
  /** MobileNetV2: factor on the channels of its blocks, and channels of its last convolution. */
  readonly mobilenet: { readonly width: number; readonly features: number };
  /** Places along a side of the picture whose colours are compared. */
  readonly grid: number;
  /** Shares of features that dropout zeroes: of the theme's, and everywhere else. */
  readonly themeDropout: number;
  readonly dropout: number;
}

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseTanetConfig(config: unknown, file = "config.json"): TanetConfig {
  const invalid = invalidFor("a TANet", file);
  const values = parsedBy(schema, config, invalid);
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    score: outputsOf(values)[0] as Output,
    steps: squashStepsOf(values, invalid),
    theme: values.theme,
    scenes: { width: values.theme_width, depths: values.theme_depths, classes: values.theme_classes },
    themeFeatures: values.theme_features,
    mobilenet: { width: values.mobilenet_width, features: values.mobilenet_features },
    grid: values.rgb_grid,
    themeDropout: values.theme_dropout,
    dropout: values.dropout,
  };
}

/** The published sizes. */
export const PUBLISHED = {
  ...{ theme_width: 64, theme_depths: [2, 2, 2, 2], theme_classes: 365, theme_features: 100 },
  ...{ mobilenet_width: 1, mobilenet_features: 1280, rgb_grid: 12 },
  ...{ theme_dropout: 0.5, dropout: 0.75 },
};

/** For tests. */
export const TINY = {
  ...PUBLISHED,
  ...{ theme_width: 4, theme_depths: [1, 1, 1, 1], theme_classes: 12, theme_features: 8 },
  ...{ mobilenet_width: 0.125, mobilenet_features: 24, rgb_grid: 3 },
};
