/** Pictures to tiles and their values, to the bit as transformers' Pillow processor and the original code. */
import { RocError } from "../../errors.js";
import { valueTables, writeValues, type RgbImage, type StoredImage } from "../../image/index.js";
import { openFolder, type FolderLike } from "../../files/index.js";
import { fromTypedArray } from "../../torch/index.js";
import type { ImageBatch, ImageInputs, ProcessorOptions } from "../types.js";
import { parseInternVlConfig } from "./config.js";
import { imageStepsOf, readImageContent, type ImageSteps } from "./image-config.js";
import { prepareTiles, tilesOf, type TileSteps } from "./prepare.js";

export class InternVlImages implements ImageInputs {
  readonly #steps: ImageSteps;

  constructor(steps: ImageSteps) {
    this.#steps = steps;
  }

  get steps(): TileSteps {
    return this.#steps.tiles;
  }

  images(images: readonly RgbImage[]): ImageBatch {
    return this.batch(images.map((image) => this.pixels(image)));
  }

  pixels(picture: RgbImage | StoredImage): RgbImage {
    return tilesOf(picture, this.steps);
  }

  async prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    return (await prepareTiles(this.steps))(picture);
  }

  batch(prepared: readonly RgbImage[]): ImageBatch {
    const { size } = this.steps;
    const tiles = prepared.map((picture) => this.#count(picture));
    const total = tiles.reduce((sum, count) => sum + count, 0);
    const [bytes, tables] = [3 * size * size, valueTables(this.#steps.values)];
    const values = new Float32Array(total * bytes);
    let start = 0;
    for (const [index, { data }] of prepared.entries()) {
      for (let tile = 0; tile < (tiles[index] ?? 0); tile++, start += bytes) {
        const picture = { width: size, height: size, data: data.subarray(tile * bytes, (tile + 1) * bytes) };
        writeValues(picture, tables, "planar", values.subarray(start, start + bytes));
      }
    }
    return { pixelValues: fromTypedArray(values, [total, 3, size, size]), tiles };
  }

  #count({ width, height }: RgbImage): number {
    const { size } = this.steps;
    if (width === size && height % size === 0) return height / size;
    const text = `A picture of ${width} x ${height} pixels is not tiles of ${size} x ${size} above each other`;
    throw new RocError("USAGE", `${text}. Take what pixels() or prepare() give.`);
  }
}

/** The picture side of a checkpoint folder. @param config its parsed `config.json` */
export async function loadInternVlImages(
  folder: FolderLike,
  config: unknown,
  options: ProcessorOptions = {},
): Promise<InternVlImages> {
  const files = openFolder(folder);
  const parsed = parseInternVlConfig(config, files.file("config.json"));
  return new InternVlImages(imageStepsOf(parsed, await readImageContent(files, parsed, options), options));
}
