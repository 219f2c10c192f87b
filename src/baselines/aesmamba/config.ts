/** `config.json` of AesMamba: what it predicts, how pictures are prepared, the backbone's sizes and the classes of its loss. */
import { z } from "zod";
import { count, invalidFor, or, parsedBy } from "../../models/common/config-fields.js";
import { openOutput } from "../common/outputs.js";
import { ratingFields, squashFields, squashStepsOf } from "../common/rating-config.js";
import type { SquashSteps } from "../common/squash.js";
import type { NewModel, Output } from "../types.js";
import { AESMAMBA } from "./facts.js";

const triple = z.tuple([z.number(), z.number(), z.number()]);
const positive = z.number().positive();

/** CLIP's, of every data set but AADB. */
const CLIP_MEAN: Triple = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD: Triple = [0.26862954, 0.26130258, 0.27577711];

type Triple = [number, number, number];

const schema = z.looseObject({
  model_type: z.literal(AESMAMBA),
  ...ratingFields,
  ...squashFields,
  image_mean: or(triple, CLIP_MEAN),
  image_std: or(z.tuple([positive, positive, positive]), CLIP_STD),
  patch_size: count.max(64),
  depths: z.array(count.max(64)).length(4),
  dims: z.array(count.max(4096)).length(4),
  d_state: count.max(256),
  /** Channels inside a block over those outside. */
  expand: count.max(8),
  /** Of the second head. */
  classes: count.max(1000),
  /** Weight of the classes' term in the loss. Default: 0.001 of one number, 0 of a distribution, whose classes are not public. */
  class_weight: z.number().min(0).nullish(),
  /** How many pictures of the training part are of each class, by which the classes' term is balanced; absent: it is not. */
  class_counts: z.array(count).nullish(),
});

/** The backbone's sizes. */
export interface MambaSizes {
  /** Pixels of a side of a patch. */
  readonly patch: number;
  /** Blocks, and channels, of each stage. */
  readonly depths: readonly number[];
  readonly dims: readonly number[];
  /** Numbers of a channel's state. */
  readonly states: number;
  readonly expand: number;
}

/** What a config says. */
export interface AesMambaConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  /** The overall score. */
  readonly score: Output;
  readonly steps: SquashSteps;
  readonly normalize: { readonly mean: Triple; readonly std: Triple };
  readonly sizes: MambaSizes;
  readonly classes: number;
  readonly classWeight: number;
  readonly classCounts: readonly number[] | undefined;
}

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseAesMambaConfig(config: unknown, file = "config.json"): AesMambaConfig {
  const invalid = invalidFor("an AesMamba", file);
  const values = parsedBy(schema, config, invalid);
  const { classes, class_counts: counts, class_weight: weight, bins, patch_size: patch } = values;
  if (counts && counts.length !== classes)
    throw invalid(`class_counts has ${counts.length} numbers, not one for each of the classes ${classes}`);
  const steps = squashStepsOf(values, invalid);
  // Each of the three merges halves the grid of patches, and leaves an odd row or column out.
  if (steps.side % patch !== 0 || steps.side < 8 * patch)
    throw invalid(`image_size ${steps.side} is not 8 or more whole patches of patch_size ${patch}`);
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    score: openOutput(values),
    steps,
    normalize: { mean: values.image_mean, std: values.image_std },
    sizes: { patch, depths: values.depths, dims: values.dims, states: values.d_state, expand: values.expand },
    classes,
    classWeight: weight ?? (bins ? 0 : 0.001),
    classCounts: counts ?? undefined,
  };
}

/** VMamba-T as it was before its second version. */
export const VMAMBA_TINY = { patch_size: 4, depths: [2, 2, 9, 2], dims: [96, 192, 384, 768], d_state: 16, expand: 2 };

/** For tests. */
export const TINY = { patch_size: 4, depths: [1, 1, 1, 1], dims: [8, 16, 32, 64], d_state: 4, expand: 2 };

/** Every data set's pictures are resized by torchvision's bicubic filter, in training to a larger square that is cropped. */
export function picturesOf({ tiny = false }: Pick<NewModel, "tiny">) {
  const [side, larger] = tiny ? [32, 36] : [224, 256];
  return { image_size: side, train_image_size: larger, resample: "bicubic" };
}
