/** NIMA's config.json: which network, what it predicts, and how pictures are resized, cropped and normalised. */
import { z } from "zod";
import { invalidFor, parsedBy } from "../../models/common/config-fields.js";
import { PIXEL_FILTERS } from "../../image/index.js";
import { VALUE_FILTERS } from "../common/value-inputs.js";
import { HALF, IMAGENET, type CropSteps } from "../common/inputs.js";
import { outputFields, wantedOutputs } from "../common/outputs.js";
import type { NewModel } from "../types.js";
import { BACKBONES, type Backbone } from "./facts.js";

const side = z.number().int().min(1).max(4096);
const triple = z.tuple([z.number(), z.number(), z.number()]);
const positive = z.number().positive();

const schema = z.looseObject({
  model_type: z.literal("nima"),
  variant: z.enum(BACKBONES),
  ...outputFields,
  /** "average": over the picture; "flatten": every place has weights of its own, so that the picture's size is fixed. */
  pool: z.enum(["average", "flatten"]).default("average"),
  dropout: z.number().min(0).lt(1).default(0),
  /** Factor on the network's channels: 1 as published; below it for tests. */
  width: positive.max(1).default(1),
  /** Blocks of Inception-ResNet-v2's three stages. */
  repeats: z.tuple([side, side, side]).default([10, 20, 9]),
  image: z
    .object({
      fit: z.enum(["short", "squash"]),
      side,
      crop: side,
      filter: z.enum(PIXEL_FILTERS),
      /** What is resized: "bytes", as of a picture of Pillow (the default), or "values" between 0 and 1, as pyiqa does. */
      resize: z.enum(["bytes", "values"]).optional(),
      mean: triple,
      std: z.tuple([positive, positive, positive]),
      mirror: z.boolean().default(true),
    })
    .refine(({ side, crop }) => crop <= side, { error: "expected a crop of at most the side" })
    .refine(({ resize, filter }) => resize !== "values" || VALUE_FILTERS.includes(filter), {
      error: `expected the filter ${VALUE_FILTERS.join(" or ")} where values are resized`,
    }),
});

export type NimaConfig = z.infer<typeof schema>;

/** @throws RocError CONFIG_INVALID naming the field */
export function readConfig(config: unknown, file: string): NimaConfig {
  return parsedBy(schema, config, invalidFor("a NIMA", file));
}

/** The side of the crop that each network was trained with, and what its pictures are normalised by. */
const TAKES: Readonly<Record<Backbone, { crop: number; side: number } & Pick<CropSteps, "mean" | "std">>> = {
  vgg16: { crop: 224, side: 256, ...IMAGENET },
  inception_resnet_v2: { crop: 299, side: 330, ...HALF },
  mobilenet: { crop: 224, side: 256, ...HALF },
};

/** As the paper resizes: squashed, then a crop. */
export function imageOf(variant: Backbone): NimaConfig["image"] {
  const { crop, side, mean, std } = TAKES[variant];
  return { fit: "squash", side, crop, filter: "bicubic", mean: [...mean], std: [...std], mirror: true };
}

/** Sizes of models for tests: the smallest pictures that the pools leave something of. */
const TINY_SIDES: Readonly<Record<Backbone, number>> = { vgg16: 32, inception_resnet_v2: 75, mobilenet: 32 };

/** The config of a new model: the paper's head, with its dropout. */
export function configure({ variant, tiny, ...wanted }: NewModel): NimaConfig & Record<string, unknown> {
  const chosen = BACKBONES.find((name) => name === variant) ?? BACKBONES[0];
  const image = imageOf(chosen);
  const crop = TINY_SIDES[chosen];
  return schema.parse({
    model_type: "nima",
    variant: chosen,
    ...wantedOutputs(wanted),
    dropout: 0.75,
    image: tiny ? { ...image, crop, side: crop + 8 } : image,
    ...(tiny && { width: 1 / 32, ...(chosen === "inception_resnet_v2" && { repeats: [1, 1, 1] }) }),
  });
}
