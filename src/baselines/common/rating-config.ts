/** Fields of a system's config.json that say what it predicts and how pictures are prepared. */
import { z } from "zod";
import { RocError } from "../../errors.js";
import { count, imageSide } from "../../models/common/config-fields.js";
import { SCORE, type NewModel, type Output } from "../types.js";
import { FILTERS, type SquashSteps } from "./squash.js";

const MOST_BINS = 1000;

export const scaleField = z
  .object({ min: z.number(), max: z.number() })
  .refine(({ min, max }) => min < max, { error: "min must be below max" });

/** Of the overall score: its scale, and where it is a distribution, how many values that has. */
export const ratingFields = {
  scale: scaleField,
  bins: count.min(2).max(MOST_BINS).nullish(),
};

export type Rating = z.infer<z.ZodObject<typeof ratingFields>>;

export const squashFields = {
  image_size: imageSide,
  train_image_size: imageSide,
  resample: z.enum(FILTERS),
};

type SquashFields = z.infer<z.ZodObject<typeof squashFields>>;

/** The steps that a config's fields say. @throws RocError of `invalid` where nothing can be cropped */
export function squashStepsOf(values: SquashFields, invalid: (what: string) => Error): SquashSteps {
  const { image_size: side, train_image_size: trainSide, resample: filter } = values;
  if (trainSide >= side) return { filter, side, trainSide };
  throw invalid(`train_image_size ${trainSide} is below image_size ${side}, which is cropped out of it`);
}

/**
 * As the authors prepare pictures: for a distribution (AVA) by Pillow's own `resize`; for a number (TAD66K, ICAA17K) by
 * torchvision's, in training to a larger square that is cropped.
 */
export function squashOf({ bins, tiny = false }: NewModel): SquashFields {
  const [side, larger] = tiny ? [32, 36] : [224, 256];
  return bins === undefined
    ? { image_size: side, train_image_size: larger, resample: "bilinear" }
    : { image_size: side, train_image_size: side, resample: "bicubic" };
}

/** The fields of a new model's overall score. */
export function ratingOf({ scale, bins }: NewModel): Rating {
  return { scale: { min: scale.min, max: scale.max }, ...(bins !== undefined && { bins }) };
}

/** The overall score as an output: the values of a distribution are evenly spaced over its scale. */
export function scoreOutput({ scale, bins }: Rating): Output {
  if (!bins) return { name: SCORE, scale };
  const step = (scale.max - scale.min) / (bins - 1);
  return { name: SCORE, scale, values: Array.from({ length: bins }, (_, i) => scale.min + i * step) };
}

/** @throws RocError USAGE where attributes are wanted of a system that has none */
export function refuseAttributes(title: string, { attributes = [] }: NewModel): void {
  if (attributes.length > 0) throw new RocError("USAGE", `${title} predicts no attributes: leave them out.`);
}
