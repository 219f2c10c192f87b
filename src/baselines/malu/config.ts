/** The config.json of Malu's network: what it predicts, its network's form, and over what its features are normalised. */
import { z } from "zod";
import { PIXEL_FILTERS } from "../../image/index.js";
import { invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { nonNegativeField } from "../common/attributes.js";
import { outputFields, wantedOutputs } from "../common/outputs.js";
import { refuseBins } from "../common/rating-config.js";
import type { ResNetConfig } from "../common/resnet.js";
import type { NewModel } from "../types.js";

const { scale, attributes } = outputFields;
const count = z.number().int().min(1).max(1024);

const schema = z.looseObject({
  model_type: z.literal("malu"),
  scale,
  attributes,
  nonNegative: nonNegativeField,
  /** Pixels of a side. */
  size: count.min(32).default(299),
  /** Keras' own load_img() left it to Pillow, whose default has changed from "nearest" to "bicubic": which is not established. */
  filter: z.enum(PIXEL_FILTERS).default("bicubic"),
  mirror: z.boolean().default(true),
  /** Blocks of each stage, and channels of the first. */
  depths: z.array(count).length(4).default([3, 4, 6, 3]),
  width: count.default(64),
  /** Of the batch norms: that of Keras, where a file does not say. */
  eps: z.number().positive().default(1e-3),
  /** "keras": none around the stem's pooling, as Keras had it then; "even": as it has it now. */
  padding: z.enum(["keras", "even"]).default("keras"),
  /**
   * Over what the features are divided by the root of their sum of squares: each "picture" for itself, as published, or each
   * feature over the "batch", as the authors' script does.
   */
  normalize: z.enum(["picture", "batch"]).default("picture"),
  loss: z
    .object({
      /** Weight of an attribute's term beside the score's. */
      attributes: z.number().min(0).default(0.5),
      /** Attributes whose term does not count, as published. */
      untaught: z.array(z.string()).default(["MotionBlur", "Repetition", "Symmetry"]),
    })
    .prefault({}),
});

export type MaluConfig = z.infer<typeof schema>;

/** @throws RocError CONFIG_INVALID naming the field */
export function readConfig(config: unknown, file: string): MaluConfig {
  return parsedBy(schema, config, invalidFor("a network of Malu et al.", file));
}

/** Keras' ResNet-50. */
export function networkOf({ depths, width, eps, padding }: MaluConfig): ResNetConfig {
  return { block: "bottleneck", depths, width, eps, padding, strideOn: "1x1", convBias: true, momentum: 0.01 };
}

const TINY = { size: 48, depths: [1, 1, 1, 1], width: 2 };

/** @throws RocError USAGE for a distribution */
export function configure(wanted: NewModel): MaluConfig & Record<string, unknown> {
  refuseBins("Malu's network", wanted);
  return schema.parse({ model_type: "malu", ...wantedOutputs(wanted), ...(wanted.tiny && TINY) });
}
