/** Fields of a system's config.json that say what it predicts and how pictures are prepared. */
import { z } from "zod";
import { RocError } from "../../errors.js";
import { PIXEL_FILTERS } from "../../image/index.js";
import { imageSide } from "../../models/common/config-fields.js";
import type { NewModel } from "../types.js";
import { outputFields } from "./outputs.js";
import type { SquashSteps } from "./squash.js";

/** Of the overall score alone. */
export const ratingFields = { scale: outputFields.scale, bins: outputFields.bins };

export const squashFields = {
  image_size: imageSide,
  train_image_size: imageSide,
  resample: z.enum(PIXEL_FILTERS),
};

type SquashFields = z.infer<z.ZodObject<typeof squashFields>>;

/** The steps that a config's fields say. @throws RocError of `invalid` where nothing can be cropped */
export function squashStepsOf(values: SquashFields, invalid: (what: string) => Error): SquashSteps {
  const { image_size: side, train_image_size: trainSide, resample: filter } = values;
  if (trainSide >= side) return { filter, side, trainSide };
  throw invalid(`train_image_size ${trainSide} is below image_size ${side}, which is cropped out of it`);
}

/**
 * As the authors prepare pictures: for a distribution (AVA) by Pillow's own `resize`, whose default is bicubic since 7.0; for a
 * number (TAD66K, ICAA17K) by torchvision's, which is bilinear, in training to a larger square that is cropped.
 */
export function squashOf({ bins, tiny = false }: NewModel): SquashFields {
  const [side, larger] = tiny ? [32, 36] : [224, 256];
  return bins === undefined
    ? { image_size: side, train_image_size: larger, resample: "bilinear" }
    : { image_size: side, train_image_size: side, resample: "bicubic" };
}

/** @throws RocError USAGE where attributes are wanted of a system that has none */
export function refuseAttributes(title: string, { attributes = [] }: NewModel): void {
  if (attributes.length > 0) throw new RocError("USAGE", `${title} predicts no attributes: leave them out.`);
}

/** @throws RocError USAGE where a distribution is wanted of a system that has none */
export function refuseBins(title: string, { bins }: NewModel): void {
  if (bins === undefined) return;
  throw new RocError("USAGE", `${title} predicts one number, no distribution: leave bins out.`);
}
