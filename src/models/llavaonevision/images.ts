/** Pictures of any size to tiles, to the bit as transformers' Pillow processor of LLaVA-OneVision. */
import { join } from "node:path";
import { RocError } from "../../errors.js";
import { meanColor } from "../../image/geometry.js";
import { readConfigPart, readImageConfig, valueTables } from "../../image/index.js";
import type { RgbImage, StoredImage, ValueSteps } from "../../image/index.js";
import { writeValues } from "../../image/values.js";
import { fromTypedArray } from "../../torch/index.js";
import { atomicWriteJson, openFolder, type FolderLike } from "../../files/index.js";
import type { ImageBatch, ImageInputs, ProcessorOptions } from "../types.js";
import type { AnyresRules } from "./anyres.js";
import { parseLlavaOnevisionConfig } from "./config.js";
import { parseImageSteps } from "./image-config.js";
import { prepareAnyres, singleTile, tilesOf, type AnyresSteps } from "./prepare.js";

const IMAGE_FILE = "preprocessor_config.json";
const VIDEO_FILE = "video_preprocessor_config.json";

/** Parsed content of a checkpoint's files. */
export interface ImageFiles {
  /** `preprocessor_config.json`. */
  readonly image: unknown;
  /** `video_preprocessor_config.json`, which is written back. */
  readonly video?: unknown;
}

export class LlavaOnevisionImages implements ImageInputs {
  readonly steps: AnyresSteps;
  readonly #values: ValueSteps;

  /** @throws RocError CONFIG_INVALID where the file is wrong, or disagrees with `rules`, those of config.json */
  constructor(
    protected readonly rules: AnyresRules,
    private readonly files: ImageFiles,
  ) {
    this.#values = parseImageSteps(files.image, rules, IMAGE_FILE);
    const { size, pinpoints } = rules;
    this.steps = { size, pinpoints };
  }

  images(images: readonly RgbImage[]): ImageBatch {
    return this.batch(images.map((image) => this.pixels(image)));
  }

  /**
   * Several pictures of one prompt: each is one tile, on a square of the mean colour, as transformers' processor has it. One
   * alone is cut into tiles.
   */
  together(images: readonly RgbImage[]): ImageBatch {
    if (images.length === 1) return this.images(images);
    return this.batch(images.map((image) => singleTile(image, this.steps, meanColor(this.#values.mean))));
  }

  /** `pixelValues` are `[tiles of all pictures, 3, size, size]`, each picture's thumbnail before its tiles. */
  batch(prepared: readonly RgbImage[]): ImageBatch {
    const { size } = this.steps;
    const area = 3 * size * size;
    const tiles = prepared.map(({ height }) => height / size);
    const total = tiles.reduce((sum, count) => sum + count, 0);
    const values = new Float32Array(total * area);
    const tables = valueTables(this.#values);
    let start = 0;
    const imageSizes = prepared.map((pixels): [number, number] => {
      const { original, width, height, data } = pixels;
      if (!original || width !== size || height % size !== 0) {
        const text = `A picture of ${width} x ${height} pixels is not prepared to tiles of ${size} x ${size}`;
        throw new RocError("USAGE", `${text}. Take what pixels() or prepare() give.`);
      }
      for (let at = 0; at < data.length; at += area, start += area) {
        const tile = { width: size, height: size, data: data.subarray(at, at + area) };
        writeValues(tile, tables, "planar", values.subarray(start, start + area));
      }
      return [original.height, original.width];
    });
    return { pixelValues: fromTypedArray(values, [total, 3, size, size]), tiles, imageSizes };
  }

  async prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    return (await prepareAnyres(this.steps))(picture);
  }

  pixels(picture: RgbImage | StoredImage): RgbImage {
    return tilesOf(picture, this.steps);
  }

  /** Writes the files into a checkpoint folder. @throws RocError FILE_UNWRITABLE */
  async saveFiles(folder: string): Promise<void> {
    const { image, video } = this.files;
    await atomicWriteJson(join(folder, IMAGE_FILE), image);
    if (video !== undefined) await atomicWriteJson(join(folder, VIDEO_FILE), video);
  }
}

/** The picture side of a checkpoint folder. @param config its parsed `config.json` */
export async function loadLlavaOnevisionImages(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<LlavaOnevisionImages> {
  const files = openFolder(folder);
  const { rules } = parseLlavaOnevisionConfig(config, files.file("config.json"));
  return new LlavaOnevisionImages(rules, await readImageFiles(files, options));
}

/** @throws RocError USAGE where a resize mode is asked for; FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID */
export async function readImageFiles(folder: FolderLike, { resize }: ProcessorOptions): Promise<ImageFiles> {
  if (resize !== undefined) {
    const text = `--resize (resize) "${resize}": pictures are not made square, LLaVA-OneVision takes them in any shape, in tiles`;
    throw new RocError("USAGE", `${text}. Leave it out.`);
  }
  const files = openFolder(folder);
  const { config: image } = await readImageConfig(files);
  const video = (await readConfigPart(files, "video_processor", VIDEO_FILE))?.config;
  return { image, ...(video !== undefined && { video }) };
}
