/** The config.json of MP_ada: its crops, its two classes, and how they become a score. */
import { z } from "zod";
import { RocError } from "../../errors.js";
import { PIXEL_FILTERS } from "../../image/index.js";
import { invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { outputFields, wantedOutputs } from "../common/outputs.js";
import type { ResNetConfig } from "../common/resnet.js";
import type { NewModel } from "../types.js";

const { scale, attributes } = outputFields;
const count = z.number().int().min(1).max(1024);

const schema = z
  .looseObject({
    model_type: z.literal("mpada"),
    scale,
    attributes,
    /** Pixels of the shorter side, and of the crops. */
    side: count.min(32).default(256),
    crop: count.min(32).default(224),
    /** The authors' OpenCV takes a cubic filter that does not widen; Pillow's does. */
    filter: z.enum(PIXEL_FILTERS).default("bicubic"),
    mirror: z.boolean().default(true),
    /** Crops of a picture in a test, anywhere in it, and the seed of where: scores repeat. */
    crops: count.default(15),
    seed: z.number().int().min(0).default(0),
    /** Blocks of each stage, and channels of the first. */
    depths: z.array(count).length(4).default([2, 2, 2, 2]),
    width: count.default(64),
    /** Ratings from here on are of the good class; of attributes the middle of their scale. */
    threshold: z.number().nullish(),
    /** Power of the loss (the script's JensenFactor): 0 for plain cross entropy. Which the paper took is not established. */
    beta: z.number().min(0).default(1),
    /**
     * How the two classes give a score, which is not established: where the mean "probability" of the good class lies between the
     * ends of the scale, or the share of the crops that "votes" for it.
     */
    score: z.enum(["probability", "votes"]).default("probability"),
  })
  .refine(({ side, crop }) => crop <= side, { error: "expected a crop of at most the side" });

export type MpadaConfig = z.infer<typeof schema>;

/** @throws RocError CONFIG_INVALID naming the field */
export function readConfig(config: unknown, file: string): MpadaConfig {
  return parsedBy(schema, config, invalidFor("an MP_ada", file));
}

/** tensorpack's ResNet-18: TensorFlow's padding, blocks that start as the identity. */
export function networkOf({ depths, width }: MpadaConfig): ResNetConfig {
  return { block: "basic", depths, width, padding: "same", zeroLast: true };
}

const TINY = { side: 40, crop: 32, crops: 3, depths: [1, 1, 1, 1], width: 2 };

/** AVA's scale, on which the authors call pictures of a mean of 5 and more good. */
const AVA = { min: 1, max: 10, threshold: 5 };

/** @throws RocError USAGE for a distribution */
export function configure({ bins, tiny, ...wanted }: NewModel): MpadaConfig & Record<string, unknown> {
  if (bins !== undefined) {
    throw new RocError("USAGE", "MP_ada predicts two classes, no distribution of ratings: leave bins out.");
  }
  const { min, max } = wanted.scale;
  const threshold = min === AVA.min && max === AVA.max ? AVA.threshold : (min + max) / 2;
  return schema.parse({ model_type: "mpada", ...wantedOutputs(wanted), threshold, ...(tiny && TINY) });
}
