/** `preprocessor_config.json` of Qwen's checkpoints in its old and new spellings: checked, and filled in. */
import { z } from "zod";
import { invalidConfig, valueFields, valueStepsOf, type ValueSteps } from "../../../image/index.js";
import type { PatchSizes } from "./config.js";
import type { PixelLimits } from "./smart-resize.js";

export interface ImageSteps extends ValueSteps {
  /** Undefined: pictures come in the right size. */
  readonly resize: PixelLimits | undefined;
}

/** What transformers' classes take where a file says nothing. */
export interface DefaultLimits {
  readonly minPixels: number;
  readonly maxPixels: number;
}

/** What a family's image processors are, where its files say nothing. */
export interface ImageKind {
  /** The `image_processor_type`s that are known. */
  readonly types: RegExp;
  /** What a message calls them. */
  readonly typeName: string;
  readonly patchSize: number;
  readonly image: DefaultLimits;
  /** A frame's; undefined: videos are not made into patches here. */
  readonly video?: DefaultLimits | undefined;
}

/**
 * Qwen2-VL's and Qwen2.5-VL's: the defaults of Qwen2VLImageProcessor (the public files say 12,845,056 pixels) and of
 * Qwen2VLVideoProcessor.
 */
export const QWEN2_IMAGES = {
  types: /^Qwen2VL(?:Image|Video)Processor(?:Fast|Pil)?$/,
  typeName: "Qwen2VLImageProcessor",
  patchSize: 14,
  image: { minPixels: 56 * 56, maxPixels: 28 * 28 * 1280 },
  video: { minPixels: 128 * 28 * 28, maxPixels: 28 * 28 * 768 },
} satisfies ImageKind;

/**
 * Qwen3-VL's and Qwen3.5's: the image processor is Qwen2-VL's, with other numbers in its file. The videos' places each two
 * frames behind their time in the prompt.
 */
export const QWEN3_IMAGES: ImageKind = { ...QWEN2_IMAGES, video: undefined };

/** Pixels that a picture is enlarged to at most; the public files say 3,136. A larger one would fill the memory. */
const MOST_MIN_PIXELS = 2 ** 25;

const count = z.number().int().positive().nullish();

const schema = z.looseObject({
  image_processor_type: z.string().nullish(),
  do_resize: z.boolean().nullish(),
  // transformers 5 writes the limits as edges; 4 wrote min_pixels and max_pixels, at the top or in here.
  size: z.looseObject({ shortest_edge: count, longest_edge: count, min_pixels: count, max_pixels: count }).nullish(),
  min_pixels: count,
  max_pixels: count,
  patch_size: count,
  temporal_patch_size: count,
  merge_size: count,
  ...valueFields,
});

/**
 * Checks a file's parsed content.
 *
 * @param vision the tower, whose patches the file's must be
 * @param file what messages call it
 * @param kind of the family
 * @param defaults limits where the file has none
 * @throws RocError CONFIG_INVALID naming the field
 */
export function parseImageSteps(
  config: unknown,
  vision: PatchSizes,
  file = "preprocessor_config.json",
  kind: ImageKind = QWEN2_IMAGES,
  defaults = kind.image,
): ImageSteps {
  const parsed = schema.safeParse(config);
  if (!parsed.success) throw invalidConfig(file, z.prettifyError(parsed.error).replaceAll("\n", " "));
  const { size, do_resize, image_processor_type: type, ...raw } = parsed.data;
  if (typeof type === "string" && !kind.types.test(type)) {
    throw invalidConfig(file, `image_processor_type is ${type}: only ${kind.typeName} is supported`);
  }
  const patches = {
    patch_size: [raw.patch_size ?? kind.patchSize, vision.patchSize],
    temporal_patch_size: [raw.temporal_patch_size ?? 2, vision.frames],
    merge_size: [raw.merge_size ?? 2, vision.merge],
  } as const;
  for (const [key, [own, towers]] of Object.entries(patches)) {
    if (own !== towers) throw invalidConfig(file, `${key} is ${own}, the vision tower of config.json takes ${towers}`);
  }
  const minPixels = raw.min_pixels ?? size?.shortest_edge ?? size?.min_pixels ?? defaults.minPixels;
  const maxPixels = raw.max_pixels ?? size?.longest_edge ?? size?.max_pixels ?? defaults.maxPixels;
  if (minPixels > MOST_MIN_PIXELS) {
    const field = raw.min_pixels ? "min_pixels" : size?.shortest_edge ? "size.shortest_edge" : "size.min_pixels";
    const why = `every picture would be enlarged to that; ${MOST_MIN_PIXELS} is the most`;
    throw invalidConfig(file, `${field} is ${minPixels}: ${why}`);
  }
  if (minPixels > maxPixels) throw invalidConfig(file, `min_pixels ${minPixels} is above max_pixels ${maxPixels}`);
  const limits = { factor: vision.patchSize * vision.merge, minPixels, maxPixels };
  return { ...valueStepsOf(raw, file), resize: (do_resize ?? true) ? limits : undefined };
}
