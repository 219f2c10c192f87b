/** Decoded pictures to the pixel values that a vision tower takes, to the bit as `transformers`' Pillow processors. */
import type { FolderLike } from "../files/index.js";
import { RocError } from "../errors.js";
import { centerCrop, centerWindow, checkSquareSide, contains, meanColor } from "./geometry.js";
import { shortestEdgeSize, squareCanvas, type Size } from "./geometry.js";
import { outputSize, parseImageConfig, readImageConfig, type ImageSteps, type ResizeMode } from "./processor-config.js";
import type { PassOrder } from "./passes.js";
import { resizeAsync, resizeBicubic, uprightSize, type ResizeOptions } from "./resize.js";
import type { RgbImage, StoredImage } from "./types.js";
import { valueTables, writeValues, type ValueLayout } from "./values.js";

export interface ImageProcessor {
  /** Size of every picture that comes out. */
  readonly width: number;
  readonly height: number;
  /** The configuration that it was made from, as given. */
  readonly config: unknown;
  /** Instead of what that says. */
  readonly override: ImageProcessorOverride;
  /**
   * After padding, resize and crop: what the model looks at.
   *
   * @throws RocError IMAGE_TOO_LARGE for a picture too long and thin to be made a square
   */
  pixels(picture: RgbImage | StoredImage): RgbImage;
  /**
   * {@link pixels}, computed off the thread.
   *
   * @throws as {@link pixels}
   */
  prepare(picture: RgbImage | StoredImage): Promise<RgbImage>;
  /**
   * The values of pixels that {@link pixels} or {@link prepare} gave, float32, rescaled and normalised.
   *
   * @param layout default "planar": `[3, height, width]`
   * @param into gets them, and is returned; default a new array
   * @throws RocError USAGE for a picture of another size
   */
  values(pixels: RgbImage, layout?: ValueLayout, into?: Float32Array): Float32Array;
}

export interface ImageProcessorOverride {
  /**
   * Instead of what the configuration does to a picture that is not square:
   * - "crop": the shorter edge to size, then the middle (`transformers`' CLIPImageProcessor);
   * - "pad": first onto a square of the mean colour (LLaVA's and Q-Align's own code);
   * - "stretch": first resized to a square of its longer edge (mPLUG-Owl2's own code: two resizes).
   */
  readonly resize?: ResizeMode;
  /** Of a resize; default "across", with which the language models were trained. */
  readonly passes?: PassOrder;
}

/**
 * An image processor of `preprocessor_config.json` in CLIPImageProcessor's or LlavaImageProcessor's form.
 *
 * @param config the file's parsed content; checked here
 * @param file what messages call it
 * @throws RocError CONFIG_INVALID naming the field
 */
export function createImageProcessor(
  config: unknown,
  override: ImageProcessorOverride = {},
  file = "preprocessor_config.json",
): ImageProcessor {
  const steps = parseImageConfig(config, override.resize, file);
  const size = outputSize(steps, file);
  const tables = valueTables(steps);
  const { width, height } = size;
  const pixels = (picture: RgbImage | StoredImage): RgbImage => {
    const { to, options, crop } = plan(picture, steps, override.passes);
    return cropped(resizeBicubic(picture, to, options), crop);
  };
  const prepare = async (picture: RgbImage | StoredImage): Promise<RgbImage> => {
    const { to, options, crop } = plan(picture, steps, override.passes);
    return cropped(await resizeAsync(picture, to, options), crop);
  };
  const values: ImageProcessor["values"] = (pixels, layout = "planar", into = new Float32Array(3 * width * height)) => {
    if (pixels.width !== width || pixels.height !== height) {
      const text = `A picture of ${pixels.width} x ${pixels.height} pixels is not prepared to ${width} x ${height}`;
      throw new RocError("USAGE", `${text}. Take what pixels() or prepare() give.`);
    }
    writeValues(pixels, tables, layout, into);
    return into;
  };
  return { ...size, config, override, pixels, prepare, values };
}

/**
 * The image processor of a checkpoint folder.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE or CONFIG_INVALID
 */
export async function loadImageProcessor(
  folder: FolderLike,
  override: ImageProcessorOverride = {},
): Promise<ImageProcessor> {
  const { file, config } = await readImageConfig(folder);
  return createImageProcessor(config, override, file);
}

/** The one resize that leads to the pixels, and what is cut out of its result where that is smaller than the crop. */
interface Plan {
  readonly to: Size;
  readonly options: ResizeOptions;
  readonly crop: Size | undefined;
}

function plan(
  picture: RgbImage | StoredImage,
  { square, resize, crop, mean }: ImageSteps,
  passes: PassOrder = "across",
): Plan {
  const upright = uprightSize(picture);
  const side = Math.max(upright.width, upright.height);
  const isSquare = upright.width === upright.height;
  // A canvas that is not resized is built, and what is stretched nearly.
  if (!isSquare && (square === "stretch" || (square === "pad" && !resize))) checkSquareSide(side);
  const whole = square === "keep" ? upright : { width: side, height: side };
  const to = !resize ? whole : "width" in resize ? resize : shortestEdgeSize(whole, resize.shortestEdge);
  const shape: ResizeOptions = {
    passes,
    ...(square === "stretch" && { first: whole }),
    ...(square === "pad" && { canvas: squareCanvas(upright, meanColor(mean)) }),
  };
  const window = crop && centerWindow(to, crop);
  // Only the pixels that the crop keeps are computed, where it is inside the resized picture.
  return window && contains(to, window)
    ? { to, options: { ...shape, window }, crop: undefined }
    : { to, options: shape, crop };
}

function cropped(image: RgbImage, crop: Size | undefined): RgbImage {
  return crop ? centerCrop(image, crop) : image;
}
