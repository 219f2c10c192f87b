/** Pictures as the model's processor cuts them, decoded once and kept in memory, so that an epoch decodes nothing again. */
import { withImage } from "../image/index.js";
import type { RgbImage } from "../image/types.js";

/** 2 GiB: 57,000 pictures of 112 x 112, which is 37,632 bytes each. */
const DEFAULT_LIMIT = 2 ** 31;

export interface PixelCacheOptions {
  /** Pads, resizes and crops a decoded picture; doing it to its own result must change nothing. */
  readonly prepare: (image: RgbImage) => RgbImage;
  /** Bytes to keep; pictures beyond them are decoded again whenever they are needed. Default 2 GiB. */
  readonly limit?: number;
}

export class PixelCache {
  readonly #kept = new Map<string, RgbImage>();
  readonly #options: PixelCacheOptions;
  #bytes = 0;

  constructor(options: PixelCacheOptions) {
    this.#options = options;
  }

  /**
   * The prepared pictures of some files, in their order; decoded side by side where they are new.
   * @throws RocError IMAGE_... or FILE_... naming the first file that cannot be used
   */
  get(files: readonly string[]): Promise<RgbImage[]> {
    return Promise.all(files.map((file) => this.#one(file)));
  }

  async #one(file: string): Promise<RgbImage> {
    const kept = this.#kept.get(file);
    if (kept !== undefined) return kept;
    const image = await withImage(file, this.#options.prepare);
    const { length } = image.data;
    if (!this.#kept.has(file) && this.#bytes + length <= (this.#options.limit ?? DEFAULT_LIMIT)) {
      this.#kept.set(file, image);
      this.#bytes += length;
    }
    return image;
  }
}

/** The mirror image, left for right. */
export function flipHorizontally({ width, height, data }: RgbImage): RgbImage {
  const flipped = new Uint8Array(data.length);
  for (let row = 0; row < height; row++) {
    const start = row * width * 3;
    for (let x = 0; x < width; x++) {
      const from = start + x * 3;
      const to = start + (width - 1 - x) * 3;
      flipped[to] = data[from] ?? 0;
      flipped[to + 1] = data[from + 1] ?? 0;
      flipped[to + 2] = data[from + 2] ?? 0;
    }
  }
  return { width, height, data: flipped };
}
