/** `preprocessor_config.json` of CLIP and LLaVA checkpoints: the old and the new spellings, validated and filled in. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { messageOf, RocError } from "../errors.js";
import type { Size } from "./geometry.js";

/** Mean and standard deviation of OpenAI's CLIP, the defaults of both classes. */
const CLIP_MEAN: Triple = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD: Triple = [0.26862954, 0.26130258, 0.27577711];

/** Pillow's number for bicubic. */
const BICUBIC = 3;

type Triple = readonly [number, number, number];

/** How a picture that is not square gets into a square: see `createImageProcessor`. */
export const RESIZE_MODES = ["crop", "pad", "stretch"] as const;
export type ResizeMode = (typeof RESIZE_MODES)[number];

/** The steps of an image processor, in the order in which they run. */
export interface ImageSteps {
  readonly square: "keep" | "pad" | "stretch";
  /** Target of the resize: the shorter edge, or both sides. */
  readonly resize: { readonly shortestEdge: number } | Size | undefined;
  readonly crop: Size | undefined;
  /** Factor on the bytes, usually 1/255. */
  readonly rescale: number | undefined;
  readonly normalize: { readonly mean: Triple; readonly std: Triple } | undefined;
  /** Always there, since padding takes its colour from it. */
  readonly mean: Triple;
}

const side = z.number().int().positive().max(16384);
const sides = z.strictObject({ height: side, width: side });
const perChannel = z.union([z.number(), z.tuple([z.number(), z.number(), z.number()])]);
const flag = z.boolean().nullish();

const schema = z.looseObject({
  image_processor_type: z.string().nullish(),
  feature_extractor_type: z.string().nullish(),
  do_resize: flag,
  size: z.union([side, z.strictObject({ shortest_edge: side }), sides]).nullish(),
  resample: z.number().nullish(),
  do_center_crop: flag,
  crop_size: z.union([side, sides]).nullish(),
  do_pad: flag,
  do_rescale: flag,
  rescale_factor: z.number().positive().nullish(),
  do_normalize: flag,
  image_mean: perChannel.nullish(),
  image_std: perChannel.nullish(),
  do_convert_rgb: flag,
});

type RawConfig = z.infer<typeof schema>;

/** Null and absent both mean the class's own default (as in `transformers` 5.18). */
export function parseImageConfig(config: unknown, resize: ResizeMode | undefined, file: string): ImageSteps {
  const parsed = schema.safeParse(config);
  if (!parsed.success) throw invalid(file, z.prettifyError(parsed.error).replaceAll("\n", " "));
  const raw = parsed.data;
  if ((raw.resample ?? BICUBIC) !== BICUBIC) {
    throw invalid(file, `resample is ${raw.resample}; only ${BICUBIC} (bicubic) is supported`);
  }
  const pads = family(raw, file) === "Llava" && (raw.do_pad ?? false);
  const mean = triple(raw.image_mean, CLIP_MEAN);
  const std = triple(raw.image_std, CLIP_STD);
  if (std.includes(0)) throw invalid(file, "image_std holds a 0; nothing can be divided by it");
  const steps: ImageSteps = {
    square: resize === undefined ? (pads ? "pad" : "keep") : resize === "crop" ? "keep" : resize,
    resize: (raw.do_resize ?? true) ? resizeTarget(raw.size) : undefined,
    crop: (raw.do_center_crop ?? true) ? cropSize(raw.crop_size) : undefined,
    rescale: (raw.do_rescale ?? true) ? (raw.rescale_factor ?? 1 / 255) : undefined,
    normalize: (raw.do_normalize ?? true) ? { mean, std } : undefined,
    mean,
  };
  return resize === "crop" ? cropped(steps, file) : steps;
}

/** The size of every picture that comes out. @throws RocError CONFIG_INVALID where it would differ from picture to picture */
export function outputSize({ crop, resize, square }: ImageSteps, file: string): Size {
  if (crop) return crop;
  if (resize && "width" in resize) return { width: resize.width, height: resize.height };
  if (resize && square !== "keep") return { width: resize.shortestEdge, height: resize.shortestEdge };
  throw invalid(
    file,
    "the pictures that come out would differ in size; set do_center_crop with crop_size, or a size with height and width",
  );
}

/** Override "crop" where the file stretches to `size`: shorter edge to that size, then cut. */
function cropped(steps: ImageSteps, file: string): ImageSteps {
  if (!steps.resize || !("width" in steps.resize)) return steps;
  const { width, height } = steps.resize;
  if (width !== height) throw invalid(file, `resize "crop" needs a square size, not ${width} x ${height}`);
  return { ...steps, resize: { shortestEdge: width }, crop: steps.crop ?? { width, height } };
}

/** CLIP and LLaVA, with the suffixes of their faster twins and CLIP's name before 2022. */
function family(raw: RawConfig, file: string): "CLIP" | "Llava" {
  const type = raw.image_processor_type ?? raw.feature_extractor_type ?? "CLIPImageProcessor";
  const match = /^(CLIP|Llava)(?:ImageProcessor(?:Fast|Pil)?|FeatureExtractor)$/.exec(type);
  if (match) return match[1] === "Llava" ? "Llava" : "CLIP";
  throw invalid(file, `image_processor_type is ${type}; CLIPImageProcessor and LlavaImageProcessor are supported`);
}

function resizeTarget(size: RawConfig["size"]): ImageSteps["resize"] {
  if (typeof size === "number") return { shortestEdge: size };
  if (!size) return { shortestEdge: 224 };
  return "shortest_edge" in size ? { shortestEdge: size.shortest_edge } : size;
}

function cropSize(size: RawConfig["crop_size"]): Size {
  return typeof size === "object" && size ? size : { width: size ?? 224, height: size ?? 224 };
}

function triple(value: RawConfig["image_mean"], fallback: Triple): Triple {
  return typeof value === "number" ? [value, value, value] : (value ?? fallback);
}

function invalid(file: string, why: string): RocError {
  return new RocError("CONFIG_INVALID", `${file}: ${why}`);
}

/**
 * The image processor's settings of a checkpoint folder: the `image_processor` part of `processor_config.json`, where
 * `transformers` 5 writes them, else `preprocessor_config.json`. The order is that of `transformers`.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE or CONFIG_INVALID
 */
export async function readImageConfig(folder: string): Promise<{ file: string; config: unknown }> {
  const shared = join(folder, "processor_config.json");
  const whole = z.looseObject({ image_processor: z.unknown() }).safeParse(await readJson(shared));
  if (whole.success && whole.data.image_processor) return { file: shared, config: whole.data.image_processor };
  const own = join(folder, "preprocessor_config.json");
  const config = await readJson(own);
  if (config !== undefined) return { file: own, config };
  throw new RocError(
    "FILE_NOT_FOUND",
    `${folder} holds no preprocessor_config.json (nor a processor_config.json with an image_processor); ` +
      "copy it from the checkpoint's source",
  );
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new RocError("FILE_UNREADABLE", `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RocError("CONFIG_INVALID", `${file} is not JSON: ${messageOf(error)}`, { cause: error });
  }
}
