/** `config.json` of BIAA. */
import { z } from "zod";
import { count, invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { outputFields, outputsOf } from "../common/outputs.js";
import { squashFields, squashStepsOf } from "../common/rating-config.js";
import type { ResNetConfig } from "../common/resnet.js";
import type { SquashSteps } from "../common/squash.js";
import type { Output } from "../types.js";
import { BIAA } from "./facts.js";

const schema = z.looseObject({
  model_type: z.literal(BIAA),
  scale: outputFields.scale,
  ...squashFields,
  width: count.max(1024),
  depths: z.array(count.max(64)).length(4),
  classes: count,
  hidden: z.tuple([count, count]),
  dropout: z.number().min(0).max(0.95),
});

/** What a config says. */
export interface BiaaConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  /** The overall score. */
  readonly score: Output;
  readonly steps: SquashSteps;
  readonly resnet: ResNetConfig;
  /** Logits of the classifier, which the head looks at. */
  readonly classes: number;
  /** Features of the head's two layers. */
  readonly hidden: readonly [number, number];
  readonly dropout: number;
}

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseBiaaConfig(config: unknown, file = "config.json"): BiaaConfig {
  const invalid = invalidFor("a BIAA", file);
  const values = parsedBy(schema, config, invalid);
  const { width, depths, classes, hidden, dropout } = values;
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    score: outputsOf({ scale: values.scale })[0] as Output,
    steps: squashStepsOf(values, invalid),
    resnet: { block: "basic", width, depths },
    ...{ classes, hidden, dropout },
  };
}

/** The published sizes. */
export const PUBLISHED = {
  ...{ image_size: 224, train_image_size: 256, resample: "bilinear" },
  ...{ width: 64, depths: [2, 2, 2, 2], classes: 1000, hidden: [1024, 512], dropout: 0.5 },
};

/** For tests. */
export const TINY: typeof PUBLISHED = {
  ...{ image_size: 32, train_image_size: 36, resample: "bilinear" },
  ...{ width: 4, depths: [1, 1, 1, 1], classes: 12, hidden: [16, 8], dropout: 0.5 },
};
