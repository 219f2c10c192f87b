/** `config.json` of MaxViT. */
import { z } from "zod";
import { count, imageSide, invalidFor, or, parsedBy } from "../../models/common/config-fields.js";
import { HALF, IMAGENET, type CropSteps } from "../common/inputs.js";
import { outputFields } from "../common/outputs.js";
import { MAXVIT, SIZES } from "./facts.js";

/** Pixels of the picture's side for one of a window's, as published. */
const PARTITION_RATIO = 32;
/** Share of the vector before the last map that training zeroes: NIMA's. */
const HEAD_DROPOUT = 0.75;
/** Of the resized picture's shorter side, what its middle is, where the middle is looked at (timm's crop_pct). */
const CROP_SHARE = 0.95;

const triple = z.tuple([z.number(), z.number(), z.number()]);
const four = z.array(count.max(65536)).length(4);

const schema = z.looseObject({
  model_type: z.literal(MAXVIT),
  embed_dims: four,
  depths: z.array(count.max(1024)).length(4),
  stem_width: count.max(65536),
  head_dim: or(count.max(1024), 32),
  image_size: imageSide,
  partition_ratio: or(count.max(4096), PARTITION_RATIO),
  head_dropout: or(z.number().min(0).max(1), HEAD_DROPOUT),
  crop: or(z.enum(["squash", "center"]), "squash" as const),
  crop_share: or(z.number().positive().max(1), CROP_SHARE),
  image_mean: or(triple, HALF.mean),
  image_std: or(
    triple.refine((values) => !values.includes(0), { error: "nothing is divided by 0" }),
    HALF.std,
  ),
  bins: or(count.min(2).max(1024), undefined),
  scale: or(outputFields.scale, { min: 1, max: 10 }),
});

/** What a config says. */
export interface MaxVitConfig {
  /** The file's content: written back with every key that is not known here. */
  readonly raw: Record<string, unknown>;
  /** Channels of each stage. */
  readonly dims: readonly number[];
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  readonly stemWidth: number;
  readonly headDim: number;
  /** Side of the picture in pixels. */
  readonly imageSize: number;
  /** Side of a window, and of the grid, in tokens. */
  readonly window: number;
  readonly dropout: number;
  /**
   * What becomes of a picture, as timm's transforms do it: squashed to the size that the network takes, or its shorter side resized,
   * and the middle cut out.
   */
  readonly pictures: CropSteps;
  /** Values of the distribution; undefined: one number is predicted. */
  readonly bins: number | undefined;
  readonly scale: { readonly min: number; readonly max: number };
}

/** Tokens a side of what each stage gives. */
function stageSides({ imageSize }: Pick<MaxVitConfig, "imageSize">): number[] {
  return [4, 8, 16, 32].map((stride) => imageSize / stride);
}

/**
 * The fields of pictures of a side, as timm has them for the weights that ImageNet-1k ended with; the largest network of 224 pixels
 * there is only of ImageNet-21k, whose pictures are normalised as those of the larger sides.
 *
 * @param dims channels of the stages
 */
export function pictureFields(side: number, dims: readonly number[]): Record<string, unknown> {
  const isSmall = side <= 224;
  const { mean, std } = isSmall && dims.join() !== SIZES.xlarge.dims.join() ? IMAGENET : HALF;
  return { image_size: side, crop: isSmall ? "center" : "squash", image_mean: mean, image_std: std };
}

/** @throws RocError CONFIG_INVALID naming the fields */
export function parseMaxVitConfig(config: unknown, file = "config.json"): MaxVitConfig {
  const invalid = invalidFor("a MaxViT", file);
  const values = parsedBy(schema, config, invalid);
  const { image_size: side, partition_ratio: ratio, head_dim: headDim, embed_dims: dims, crop } = values;
  const window = Math.floor(side / ratio);
  const uneven = stageSides({ imageSize: side }).find((tokens) => tokens % window !== 0);
  if (window === 0 || uneven !== undefined) {
    const text = `pictures of ${side} pixels (image_size) do not divide into windows of ${window}`;
    throw invalid(`${text} (image_size / partition_ratio) in every stage`);
  }
  const odd = dims.find((channels) => channels % headDim !== 0 || channels % 4 !== 0);
  if (odd !== undefined) throw invalid(`embed_dims holds ${odd}, which is no multiple of head_dim ${headDim} and of 4`);
  return {
    raw: structuredClone({ ...(config as Record<string, unknown>) }),
    ...{ dims, depths: values.depths, stemWidth: values.stem_width, headDim, imageSize: side, window },
    dropout: values.head_dropout,
    pictures: {
      ...(crop === "squash" ? { fit: crop, side } : { fit: "short", side: Math.floor(side / values.crop_share) }),
      ...{ filter: "bicubic", crop: side, mirror: true, mean: values.image_mean, std: values.image_std },
    },
    ...{ bins: values.bins, scale: values.scale },
  };
}
