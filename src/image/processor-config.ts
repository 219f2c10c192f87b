/** `preprocessor_config.json` of CLIP and LLaVA checkpoints: the old and the new spellings, validated and filled in. */
import { z } from "zod";
import { RocError } from "../errors.js";
import { ifThere, openFolder, type FolderLike } from "../files/index.js";
import type { Size } from "./geometry.js";
import { invalidConfig, valueFields, valueStepsOf, type ValueSteps } from "./values.js";

/** How a picture that is not square gets into a square: see `createImageProcessor`. */
export const RESIZE_MODES = ["crop", "pad", "stretch"] as const satisfies readonly ResizeMode[];
/**
 * How a picture that is not square gets into a square: `crop` cuts its middle out (transformers' CLIP), `pad` puts it on a
 * square of the mean colour (LLaVA's and Q-Align's code), `stretch` distorts it (mPLUG-Owl2's).
 *
 * @category Scoring
 */
export type ResizeMode = "crop" | "pad" | "stretch";

/** The steps of an image processor, in the order in which they run. */
export interface ImageSteps extends ValueSteps {
  readonly square: "keep" | "pad" | "stretch";
  /** Target of the resize: the shorter edge, or both sides. */
  readonly resize: { readonly shortestEdge: number } | Size | undefined;
  readonly crop: Size | undefined;
}

/** Far above any vision tower's; larger pictures would fill the memory. */
const side = z.number().int().positive().max(4096);
const sides = z.strictObject({ height: side, width: side });
const flag = z.boolean().nullish();

const schema = z.looseObject({
  image_processor_type: z.string().nullish(),
  feature_extractor_type: z.string().nullish(),
  do_resize: flag,
  size: z.union([side, z.strictObject({ shortest_edge: side }), sides]).nullish(),
  do_center_crop: flag,
  crop_size: z.union([side, sides]).nullish(),
  do_pad: flag,
  do_convert_rgb: flag,
  ...valueFields,
});

type RawConfig = z.infer<typeof schema>;

/** Null and absent both mean the class's own default (as in `transformers` 5.18). */
export function parseImageConfig(config: unknown, resize: ResizeMode | undefined, file: string): ImageSteps {
  const parsed = schema.safeParse(config);
  if (!parsed.success) throw invalidConfig(file, z.prettifyError(parsed.error).replaceAll("\n", " "));
  const raw = parsed.data;
  const pads = family(raw, file) === "Llava" && (raw.do_pad ?? false);
  const steps: ImageSteps = {
    square: resize === undefined ? (pads ? "pad" : "keep") : resize === "crop" ? "keep" : resize,
    resize: (raw.do_resize ?? true) ? resizeTarget(raw.size) : undefined,
    crop: (raw.do_center_crop ?? true) ? cropSize(raw.crop_size) : undefined,
    ...valueStepsOf(raw, file),
  };
  return resize === "crop" ? cropped(steps, file) : steps;
}

/** The size of every picture that comes out. @throws RocError CONFIG_INVALID where it would differ from picture to picture */
export function outputSize({ crop, resize, square }: ImageSteps, file: string): Size {
  if (crop) return crop;
  if (resize && "width" in resize) return { width: resize.width, height: resize.height };
  if (resize && square !== "keep") return { width: resize.shortestEdge, height: resize.shortestEdge };
  throw invalidConfig(
    file,
    "the pictures that come out would differ in size; set do_center_crop with crop_size, or a size with height and width",
  );
}

/** Override "crop" where the file stretches to `size`: shorter edge to that size, then cut. */
function cropped(steps: ImageSteps, file: string): ImageSteps {
  if (!steps.resize || !("width" in steps.resize)) return steps;
  const { width, height } = steps.resize;
  if (width !== height) throw invalidConfig(file, `resize "crop" needs a square size, not ${width} x ${height}`);
  return { ...steps, resize: { shortestEdge: width }, crop: steps.crop ?? { width, height } };
}

/** CLIP and LLaVA, with the suffixes of their faster versions and CLIP's name before 2022. */
function family(raw: RawConfig, file: string): "CLIP" | "Llava" {
  const type = raw.image_processor_type ?? raw.feature_extractor_type ?? "CLIPImageProcessor";
  const match = /^(CLIP|Llava)(?:ImageProcessor(?:Fast|Pil)?|FeatureExtractor)$/.exec(type);
  if (match) return match[1] === "Llava" ? "Llava" : "CLIP";
  throw invalidConfig(
    file,
    `image_processor_type is ${type}; CLIPImageProcessor and LlavaImageProcessor are supported`,
  );
}

function resizeTarget(size: RawConfig["size"]): ImageSteps["resize"] {
  if (typeof size === "number") return { shortestEdge: size };
  if (!size) return { shortestEdge: 224 };
  return "shortest_edge" in size ? { shortestEdge: size.shortest_edge } : size;
}

function cropSize(size: RawConfig["crop_size"]): Size {
  return typeof size === "object" && size ? size : { width: size ?? 224, height: size ?? 224 };
}

/**
 * The image processor's settings of a checkpoint folder: the `image_processor` part of `processor_config.json`, where
 * `transformers` 5 writes them, else `preprocessor_config.json`. The order is that of `transformers`.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE or CONFIG_INVALID
 */
export async function readImageConfig(folder: FolderLike): Promise<ConfigPart> {
  const found = await readConfigPart(folder, "image_processor", "preprocessor_config.json");
  if (found) return found;
  throw new RocError(
    "FILE_NOT_FOUND",
    `${openFolder(folder).path} holds no preprocessor_config.json (nor a processor_config.json with an image_processor); ` +
      "copy it from the checkpoint's source",
  );
}

/** Where transformers 5 writes the settings of all of a processor's parts. */
const SHARED = "processor_config.json";

/** Settings of a processor, and the file that they are in. */
export interface ConfigPart {
  readonly file: string;
  readonly config: unknown;
}

/** The part `key` of `processor_config.json`, else the file `own`; undefined where there is neither. */
export async function readConfigPart(folder: FolderLike, key: string, own: string): Promise<ConfigPart | undefined> {
  const files = openFolder(folder);
  const whole = z.looseObject({ [key]: z.unknown() }).safeParse(await ifThere(files.json(SHARED)));
  const part = whole.success ? whole.data[key] : undefined;
  if (part) return { file: files.file(SHARED), config: part };
  const config = await ifThere(files.json(own));
  return config === undefined ? undefined : { file: files.file(own), config };
}
