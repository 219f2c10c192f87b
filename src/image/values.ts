/** Bytes to the values that a vision tower takes: rescaling and normalising, as an image processor's file says. */
import { z } from "zod";
import { RocError } from "../errors.js";
import { nativePixels } from "./native.js";
import type { RgbImage } from "./types.js";

/** Mean and standard deviation of OpenAI's CLIP, the defaults of every class that is read here. */
const CLIP_MEAN: Triple = [0.48145466, 0.4578275, 0.40821073];
const CLIP_STD: Triple = [0.26862954, 0.26130258, 0.27577711];

/** Pillow's number for bicubic. */
const BICUBIC = 3;

export type Triple = readonly [number, number, number];

export interface ValueSteps {
  /** Factor on the bytes, usually 1/255. */
  readonly rescale: number | undefined;
  readonly normalize: { readonly mean: Triple; readonly std: Triple } | undefined;
  /** Always there, since padding takes its colour from it. */
  readonly mean: Triple;
}

const perChannel = z.union([z.number(), z.tuple([z.number(), z.number(), z.number()])], {
  error: "expected a number, or one for each of the three channels",
});
const flag = z.boolean().nullish();

/** The keys that all image processors' files have in common. Null and absent both mean the class's own default. */
export const valueFields = {
  resample: z.number().nullish(),
  do_rescale: flag,
  rescale_factor: z.number().positive().nullish(),
  do_normalize: flag,
  image_mean: perChannel.nullish(),
  image_std: perChannel.nullish(),
};

type ValueFields = z.infer<z.ZodObject<typeof valueFields>>;

/** @throws RocError CONFIG_INVALID where a resampling other than bicubic is asked for, or a deviation is 0, or values overflow */
export function valueStepsOf(raw: ValueFields, file: string): ValueSteps {
  if ((raw.resample ?? BICUBIC) !== BICUBIC) {
    throw invalidConfig(file, `resample is ${raw.resample}; only ${BICUBIC} (bicubic) is supported`);
  }
  const mean = triple(raw.image_mean, CLIP_MEAN);
  const std = triple(raw.image_std, CLIP_STD);
  if (std.includes(0)) throw invalidConfig(file, "image_std holds a 0; nothing can be divided by it");
  const steps: ValueSteps = {
    rescale: (raw.do_rescale ?? true) ? (raw.rescale_factor ?? 1 / 255) : undefined,
    normalize: (raw.do_normalize ?? true) ? { mean, std } : undefined,
    mean,
  };
  if (valueTables(steps).every(Number.isFinite)) return steps;
  const fields = "rescale_factor, image_mean and image_std";
  throw invalidConfig(file, `${fields} make values that are no numbers; take those of the checkpoint's source`);
}

function triple(value: z.infer<typeof perChannel> | null | undefined, fallback: Triple): Triple {
  return typeof value === "number" ? [value, value, value] : (value ?? fallback);
}

export function invalidConfig(file: string, why: string): RocError {
  return new RocError("CONFIG_INVALID", `${file}: ${why}`);
}

/**
 * The value of each byte in each channel, `[3, 256]`.
 *
 * Rescaling is a float64 product cast to float32; normalising is a float32 difference and a float32 quotient with mean
 * and deviation cast to float32 (`transformers` 5.18, image_transforms.py). A float64 operation on float32 numbers,
 * rounded to float32, equals the float32 operation.
 */
export function valueTables({ rescale, normalize }: ValueSteps): Float32Array {
  return Float32Array.from({ length: 3 * 256 }, (_, i) => {
    const [channel, byte] = [i >> 8, i & 255];
    const mean = Math.fround(normalize?.mean[channel] ?? 0);
    const std = Math.fround(normalize?.std[channel] ?? 1);
    const value = Math.fround(rescale === undefined ? byte : byte * rescale);
    return Math.fround(value - mean) / std;
  });
}

/** How values are laid out: `[3, height, width]` or `[height, width, 3]`. */
export type ValueLayout = "planar" | "interleaved";

/** Qwen2-VL's cuts of a picture. */
export interface Patches {
  readonly patchSize: number;
  /** Patches along a side of a merged block. */
  readonly merge: number;
}

/** As native/pixels/picture.h numbers them. */
const LAYOUTS = { planar: 0, patches: 1, interleaved: 2 } as const;

/** Looks up the values of a picture. @param into room for all of them */
export function writeValues(picture: RgbImage, tables: Float32Array, layout: ValueLayout, into: Float32Array): void {
  const { width, height, data } = picture;
  const form = Int32Array.of(width, height, LAYOUTS[layout], 1, 1, 1, nativePixels().threads());
  nativePixels().layOut(form, [data], tables, into);
}

/**
 * Looks up the values of pictures, `[patches, 3, frames, patchSize, patchSize]`. The patches are ordered block by block:
 * merged blocks row by row, and the patches inside of a block row by row.
 *
 * @param frames a picture for each frame of a patch, all of one size, which divides into blocks
 */
export function writePatches(
  frames: readonly RgbImage[],
  { patchSize, merge }: Patches,
  tables: Float32Array,
  into: Float32Array,
): void {
  const { width, height } = frames[0] as RgbImage;
  const cuts = [patchSize, merge, frames.length];
  const form = Int32Array.of(width, height, LAYOUTS.patches, ...cuts, nativePixels().threads());
  nativePixels().layOut(
    form,
    frames.map(({ data }) => data),
    tables,
    into,
  );
}
