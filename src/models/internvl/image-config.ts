/** How pictures become tiles and values: the image processor's file, as far as each layout has and looks at it. */
import { z } from "zod";
import { RocError } from "../../errors.js";
import { openFolder, type FolderLike } from "../../files/index.js";
import { invalidConfig, readConfigPart, readImageConfig, valueFields, valueStepsOf } from "../../image/index.js";
import type { ValueSteps } from "../../image/index.js";
import { imageSide, OR_DEFAULT } from "../common/config-fields.js";
import type { ProcessorOptions } from "../types.js";
import { MOST_TILES, tileFault, type InternVlConfig } from "./config.js";
import type { TileSteps } from "./prepare.js";

export interface ImageSteps {
  readonly tiles: TileSteps;
  readonly values: ValueSteps;
}

/** What the original code normalises by, whatever its folder holds. */
const IMAGENET_MEAN: [number, number, number] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [number, number, number] = [0.229, 0.224, 0.225];

/** GotOcr2ImageProcessor's own side, where a file says nothing. */
const DEFAULT_SIDE = 384;

const count = z.number().int().positive().max(MOST_TILES).nullish();

const originalSchema = z.looseObject(valueFields);

const TYPE = /^GotOcr2ImageProcessor(?:Fast|Pil)?$/;

const hfSchema = z.looseObject({
  image_processor_type: z.string().regex(TYPE, { error: "only GotOcr2ImageProcessor is supported" }).nullish(),
  size: z
    .union([imageSide, z.looseObject({ height: imageSide, width: imageSide })], {
      error: "expected a side in pixels, or height and width",
    })
    .nullish(),
  min_patches: count,
  max_patches: count,
  ...valueFields,
});

/**
 * The steps of a file's parsed content; undefined: there is none, as the original layout may have it.
 *
 * `crop_to_patches` is not looked at, as transformers' processor of this model always asks for it.
 *
 * @param file what messages call it
 * @throws RocError CONFIG_INVALID naming the field
 */
export function imageStepsOf(
  { layout, tiles, vision, block }: InternVlConfig,
  content: unknown,
  { maxTiles = MOST_TILES }: Pick<ProcessorOptions, "maxTiles"> = {},
  file = "preprocessor_config.json",
): ImageSteps {
  const limited = (steps: TileSteps): TileSteps => {
    const max = Math.min(steps.max, maxTiles);
    return { ...steps, max, min: Math.min(steps.min, max) };
  };
  if (layout === "original") {
    const raw = checked(originalSchema, content ?? {}, file);
    const { image_mean, image_std } = raw;
    const known = { ...raw, image_mean: image_mean ?? IMAGENET_MEAN, image_std: image_std ?? IMAGENET_STD };
    const { size, cuts, min, max, thumbnail } = tiles;
    return { tiles: limited({ size, min, max: cuts ? max : 1, thumbnail }), values: valueStepsOf(known, file) };
  }
  const raw = checked(hfSchema, content, file);
  const [min, max] = [raw.min_patches ?? tiles.min, raw.max_patches ?? tiles.max];
  if (min > max) throw invalidConfig(file, `min_patches ${min} is above max_patches ${max}`);
  const { height, width } = sidesOf(raw.size ?? DEFAULT_SIDE);
  if (height !== width) throw invalidConfig(file, `size is ${width} x ${height}; the vision tower takes squares`);
  const fault = tileFault(height, vision, block);
  if (fault !== undefined) throw invalidConfig(file, `size ${height}${raw.size ? "" : OR_DEFAULT} ${fault}`);
  const steps = { size: height, min, max, thumbnail: tiles.thumbnail };
  return { tiles: limited(steps), values: valueStepsOf(raw, file) };
}

function sidesOf(size: number | { height: number; width: number }): { height: number; width: number } {
  return typeof size === "number" ? { height: size, width: size } : size;
}

function checked<T extends z.ZodType>(type: T, content: unknown, file: string): z.infer<T> {
  const result = type.safeParse(content);
  if (result.success) return result.data;
  throw invalidConfig(file, z.prettifyError(result.error).replaceAll("\n", " "));
}

/**
 * The parsed content of a folder's file; undefined where the original layout has none.
 *
 * @throws RocError USAGE where a resize mode is asked for; FILE_NOT_FOUND, FILE_UNREADABLE
 */
export async function readImageContent(
  folder: FolderLike,
  { layout }: InternVlConfig,
  { resize }: ProcessorOptions,
): Promise<unknown> {
  if (resize !== undefined) {
    const text = `--resize (resize) "${resize}": InternVL's pictures are stretched to the shape of their tiles, or to the one square of scorers as UniPercept, never cut or padded`;
    throw new RocError("USAGE", `${text}. Leave it out.`);
  }
  const files = openFolder(folder);
  if (layout === "hf") return (await readImageConfig(files)).config;
  return (await readConfigPart(files, "image_processor", "preprocessor_config.json"))?.config;
}
