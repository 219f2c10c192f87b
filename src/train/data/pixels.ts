/** Pictures as the model's processor cuts them, decoded once and cached in memory, so that later epochs decode nothing. */
import { basename } from "node:path";
import type { Sample } from "../../data/index.js";
import { isRocError, RocError, type ErrorCode } from "../../errors.js";
import { withStoredImage } from "../../image/index.js";
import type { RgbImage, StoredImage } from "../../image/types.js";

/** Pictures that are decoded side by side: as many as libuv has threads by default. */
const AT_ONCE = 4;

/** 2 GiB: 57,000 pictures of 112 x 112, which is 37,632 bytes each. */
const DEFAULT_LIMIT = 2 ** 31;

export interface PixelCacheOptions {
  /** Pads, resizes and crops a decoded picture, off the thread where it can. */
  readonly prepare: (picture: StoredImage) => RgbImage | Promise<RgbImage>;
  /** Bytes to cache; pictures beyond them are decoded again whenever they are needed. Default 2 GiB. */
  readonly limit?: number;
  /** Leave out pictures that cannot be used, instead of failing at them. Default false. */
  readonly skipBroken?: boolean;
  /** Reads a file; for tests. Default {@link withStoredImage}. */
  readonly read?: (file: string, use: PixelCacheOptions["prepare"]) => Promise<RgbImage>;
}

/** A picture that cannot be used, and why. */
export interface UnusablePicture {
  readonly id: string;
  readonly image: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What can be wrong with a picture file: missing, unreadable, broken, or of a kind that the family does not take. */
const UNUSABLE: ReadonlySet<ErrorCode> = new Set([
  ...(["FILE_NOT_FOUND", "FILE_UNREADABLE", "FILE_EMPTY"] as const),
  ...(["IMAGE_BROKEN", "IMAGE_TOO_LARGE", "IMAGE_UNSUPPORTED"] as const),
]);

export class PixelCache {
  readonly #cached = new Map<string, RgbImage>();
  readonly #unusable = new Map<string, UnusablePicture>();
  readonly #options: PixelCacheOptions;
  readonly #decoding = new ConcurrencyLimit(AT_ONCE);
  #bytes = 0;

  constructor(options: PixelCacheOptions) {
    this.#options = options;
  }

  /** The pictures that were found to be unusable, in the order of their finding. */
  get unusable(): readonly UnusablePicture[] {
    return [...this.#unusable.values()];
  }

  /**
   * The prepared picture of a sample; undefined where it cannot be used and such pictures are skipped.
   * @throws RocError IMAGE_... or FILE_... naming the file
   */
  async of({ id, image }: Pick<Sample, "id" | "image">): Promise<RgbImage | undefined> {
    const { skipBroken = false } = this.#options;
    if (skipBroken && this.#unusable.has(image)) return undefined;
    try {
      return await this.#one(image);
    } catch (error) {
      if (!isRocError(error) || !UNUSABLE.has(error.code)) throw error;
      this.#unusable.set(image, { id, image, code: error.code, message: error.message });
      if (!skipBroken) throw error;
      return undefined;
    }
  }

  async #one(file: string): Promise<RgbImage> {
    const cached = this.#cached.get(file);
    if (cached !== undefined) return cached;
    const image = await this.#decoding.take(() => this.#decode(file));
    const { length } = image.data;
    if (!this.#cached.has(file) && this.#bytes + length <= (this.#options.limit ?? DEFAULT_LIMIT)) {
      this.#cached.set(file, image);
      this.#bytes += length;
    }
    return image;
  }

  async #decode(file: string): Promise<RgbImage> {
    try {
      return await (this.#options.read ?? withStoredImage)(file, this.#options.prepare);
    } catch (error) {
      // A family that does not take a picture knows nothing of its file.
      if (!isRocError(error) || error.message.includes(basename(file))) throw error;
      throw new RocError(error.code, `${file}: ${error.message}`, { cause: error });
    }
  }
}

/** Lets a number of tasks run at once; the others wait, in order. */
class ConcurrencyLimit {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(width: number) {
    this.#free = width;
  }

  async take<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((go) => void this.#waiting.push(go));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      // The slot passes to the next waiting task, so that no other one takes it.
      if (next) next();
      else this.#free += 1;
    }
  }
}

/** Whether this is why a picture cannot be used. */
export function isUnusable(error: unknown, pixels: PixelCache): boolean {
  return isRocError(error) && pixels.unusable.some(({ message }) => message === error.message);
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
