/** Decoded pictures to the pixel values that a vision tower takes, to the bit as `transformers`' Pillow processors. */
import type { FolderLike } from "../files/index.js";
import { RocError } from "../errors.js";
import { centerCrop, centerWindow, checkSquareSide, contains, meanColor, padToSquare } from "./geometry.js";
import { shortestEdgeSize, squareCanvas, type Size } from "./geometry.js";
import { outputSize, parseImageConfig, readImageConfig, type ImageSteps, type ResizeMode } from "./processor-config.js";
import { resizeAsync, resizeBicubic, type ResizeOptions } from "./resize.js";
import type { RgbImage } from "./types.js";
import { valueTables } from "./values.js";

export interface ProcessedImage {
  /** After padding, resize and crop: what the model looks at. */
  readonly pixels: RgbImage;
  /** `[3, height, width]` float32, rescaled and normalised. */
  readonly pixelValues: Float32Array;
}

export interface ImageProcessor {
  /** Size of every {@link ProcessedImage}. */
  readonly width: number;
  readonly height: number;
  /** The configuration that it was made from, as given. */
  readonly config: unknown;
  /** @throws RocError IMAGE_TOO_LARGE for a picture too long and thin to be made a square */
  process(image: RgbImage): ProcessedImage;
  /**
   * The pixels of {@link process}, computed off the thread.
   *
   * @throws as {@link process}
   */
  prepare(image: RgbImage): Promise<RgbImage>;
  /**
   * The values of pixels that {@link process} or {@link prepare} gave: `[3, height, width]` float32.
   *
   * @throws RocError USAGE for a picture of another size
   */
  values(pixels: RgbImage): Float32Array;
}

export interface ImageProcessorOverride {
  /**
   * Instead of what the configuration does to a picture that is not square:
   * - "crop": the shorter edge to size, then the middle (`transformers`' CLIPImageProcessor);
   * - "pad": first onto a square of the mean colour (LLaVA's and Q-Align's own code);
   * - "stretch": first resized to a square of its longer edge (mPLUG-Owl2's own code: two resizes).
   */
  readonly resize?: ResizeMode;
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
  const process = (image: RgbImage): ProcessedImage => {
    const pixels = now(toPixels(image, steps));
    return { pixels, pixelValues: toPixelValues(pixels, tables) };
  };
  const prepare = (image: RgbImage): Promise<RgbImage> => later(toPixels(image, steps));
  const values = (pixels: RgbImage): Float32Array => {
    if (pixels.width === size.width && pixels.height === size.height) return toPixelValues(pixels, tables);
    const text = `A picture of ${pixels.width} x ${pixels.height} pixels is not prepared to ${size.width} x ${size.height}`;
    throw new RocError("USAGE", `${text}. Take what pixels() or prepare() give.`);
  };
  return { ...size, config, process, prepare, values };
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

/** One resize of several: the sync and the async driver answer it with its result. */
interface ResizeRequest {
  readonly image: RgbImage;
  readonly size: Size;
  readonly options: ResizeOptions;
}

type PixelSteps = Generator<ResizeRequest, RgbImage, RgbImage>;

function* toPixels(image: RgbImage, { square, resize, crop, mean }: ImageSteps): PixelSteps {
  const source = square === "stretch" ? yield* stretchToSquare(image) : image;
  const canvas = square === "pad" ? squareCanvas(image, meanColor(mean)) : undefined;
  if (!resize) {
    const padded = canvas ? padToSquare(image, canvas.color) : source;
    return crop ? centerCrop(padded, crop) : padded;
  }
  const size = "width" in resize ? resize : shortestEdgeSize(canvas ?? source, resize.shortestEdge);
  return yield* resizeAndCrop(source, size, crop, canvas ? { canvas } : {});
}

/** Computes only the pixels that the crop keeps, where it is inside the resized picture. */
function* resizeAndCrop(image: RgbImage, size: Size, crop: Size | undefined, options: ResizeOptions): PixelSteps {
  if (!crop) return yield { image, size, options };
  const window = centerWindow(size, crop);
  if (contains(size, window)) return yield { image, size, options: { ...options, window } };
  return centerCrop(yield { image, size, options }, crop);
}

function* stretchToSquare(image: RgbImage): PixelSteps {
  const side = Math.max(image.width, image.height);
  if (side !== Math.min(image.width, image.height)) checkSquareSide(side);
  return yield { image, size: { width: side, height: side }, options: {} };
}

function now(steps: PixelSteps): RgbImage {
  for (let step = steps.next(); ;) {
    if (step.done) return step.value;
    const { image, size, options } = step.value;
    step = steps.next(resizeBicubic(image, size, options));
  }
}

async function later(steps: PixelSteps): Promise<RgbImage> {
  for (let step = steps.next(); ;) {
    if (step.done) return step.value;
    const { image, size, options } = step.value;
    step = steps.next(await resizeAsync(image, size, options));
  }
}

function toPixelValues({ data, width, height }: RgbImage, tables: readonly Float32Array[]): Float32Array {
  const area = width * height;
  const values = new Float32Array(3 * area);
  tables.forEach((table, channel) => {
    for (let i = 0; i < area; i++) values[channel * area + i] = table[data[i * 3 + channel]!]!;
  });
  return values;
}
