/** The config.json of Kong's network: what it predicts, and the settings that no public source states. */
import { z } from "zod";
import { PIXEL_FILTERS } from "../../image/index.js";
import { invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { nonNegativeField } from "../common/attributes.js";
import { outputFields, wantedOutputs } from "../common/outputs.js";
import { refuseBins } from "../common/rating-config.js";
import type { NewModel } from "../types.js";

const { scale, attributes } = outputFields;
const weight = z.number().min(0);

const schema = z.looseObject({
  model_type: z.literal("kong"),
  scale,
  attributes,
  nonNegative: nonNegativeField,
  /** Pixels of a side; 67 is the smallest that the pools leave something of. */
  size: z.number().int().min(67).max(2048).default(227),
  /** Factor on the channels: 1 as published; below it for tests. */
  width: z.number().positive().max(1).default(1),
  /** After fc6 and fc7. Not established: AlexNet's. */
  dropout: z.number().min(0).lt(1).default(0.5),
  /** In a test, numbers beyond the ends of their range are put there, as in the authors' demonstration. */
  clip: z.boolean().default(true),
  filter: z.enum(PIXEL_FILTERS).default("bicubic"),
  mirror: z.boolean().default(true),
  loss: z
    .object({
      /** Weight of the pairs' term, and of the attributes'. Not established. */
      rank: weight.default(1),
      attributes: weight.default(0.1),
      /** By how much the better of a pair is to be ahead (the paper's alpha), of the score from 0 to 1. Not established. */
      margin: weight.default(0.1),
      /** Least distance of a pair's ratings, of the score from 0 to 1: the paper's 2 of a scale from 1 to 5. */
      gap: weight.default(0.5),
    })
    .prefault({}),
});

export type KongConfig = z.infer<typeof schema>;

/** @throws RocError CONFIG_INVALID naming the field */
export function readConfig(config: unknown, file: string): KongConfig {
  return parsedBy(schema, config, invalidFor("a network of Kong et al.", file));
}

/** The smallest picture, and channels for tests. */
const TINY = { size: 67, width: 1 / 32 };

/** @throws RocError USAGE for a distribution */
export function configure(wanted: NewModel): KongConfig & Record<string, unknown> {
  refuseBins("Kong's network", wanted);
  return schema.parse({ model_type: "kong", ...wantedOutputs(wanted), ...(wanted.tiny && TINY) });
}
