/** Pictures and videos of any size to patches, to the bit as transformers' Pillow processor of Qwen's models. */
import { join } from "node:path";
import { RocError } from "../../../errors.js";
import {
  readConfigPart,
  readImageConfig,
  resizeAsync,
  resizeBicubic,
  valueTables,
  writePatches,
  type RgbImage,
  type StoredImage,
} from "../../../image/index.js";
import { fromTypedArray } from "../../../torch/index.js";
import { atomicWriteJson, openFolder, type FolderLike } from "../../../files/index.js";
import type { ImageBatch, ImageInputs, ProcessorOptions } from "../../types.js";
import type { PatchSizes } from "./config.js";
import { parseImageSteps, QWEN2_IMAGES, type ImageKind, type ImageSteps } from "./image-config.js";
import type { Grid } from "./positions.js";
import { sizeInBlocks, type BlockSteps } from "./prepare.js";

const IMAGE_FILE = "preprocessor_config.json";
const VIDEO_FILE = "video_preprocessor_config.json";

/** Parsed content of a checkpoint's files. */
export interface ImageFiles {
  /** `preprocessor_config.json`. */
  readonly image: unknown;
  /** `video_preprocessor_config.json`; where there is none, that of the images counts. */
  readonly video?: unknown;
}

/** What one picture (or video) becomes: all frames are of one size, multiples of a merged block. */
interface Clip {
  readonly frames: readonly RgbImage[];
  readonly grid: Grid;
}

export class QwenImages implements ImageInputs {
  readonly #image: ImageSteps;
  readonly #video: ImageSteps | undefined;

  /** @throws RocError CONFIG_INVALID where the files are wrong, or cut other patches than the vision tower takes */
  constructor(
    private readonly vision: PatchSizes,
    private readonly files: ImageFiles,
    kind: ImageKind = QWEN2_IMAGES,
  ) {
    this.#image = parseImageSteps(files.image, vision, IMAGE_FILE, kind);
    const file = files.video === undefined ? IMAGE_FILE : VIDEO_FILE;
    this.#video = kind.video && parseImageSteps(files.video ?? files.image, vision, file, kind, kind.video);
  }

  images(images: readonly RgbImage[]): ImageBatch {
    return this.batch(images.map((image) => this.pixels(image)));
  }

  batch(prepared: readonly RgbImage[]): ImageBatch {
    return this.#batch(
      prepared.map((pixels) => this.#clip([pixels])),
      this.#image,
    );
  }

  get steps(): BlockSteps {
    const { resize } = this.#image;
    return { resize };
  }

  async prepare(picture: RgbImage | StoredImage): Promise<RgbImage> {
    return resizeAsync(picture, sizeInBlocks(picture, this.#image));
  }

  /**
   * Videos as their frames, which are taken as they are: choose them beforehand. An odd last frame is repeated.
   *
   * @param framesPerSecond of each video, as chosen: Qwen2.5-VL places them by it; default: one of its patches a second
   *
   * The limits of pixels are a frame's. transformers' own processor resizes by torchvision, whose bytes differ by a level
   * here and there; here it is Pillow's bicubic, as for pictures.
   *
   * @throws RocError USAGE for a video without frames, or whose frames differ in size, and where videos are not supported
   */
  videos(videos: readonly (readonly RgbImage[])[], framesPerSecond?: readonly number[]): ImageBatch {
    const steps = this.videoSteps();
    const clips = videos.map((frames) => {
      const [first] = frames;
      if (!first || frames.some(({ width, height }) => width !== first.width || height !== first.height)) {
        throw new RocError("USAGE", "videos(): a video is one or more frames of the same size.");
      }
      return this.#clip(frames.map((frame) => resized(frame, steps)));
    });
    const secondsPerGrid = framesPerSecond?.map((rate) => this.vision.frames / rate);
    return { ...this.#batch(clips, steps), ...(secondsPerGrid && { secondsPerGrid }) };
  }

  /** @throws RocError USAGE in families whose prompts give each two frames their time, which is not known here */
  protected videoSteps(): ImageSteps {
    if (this.#video) return this.#video;
    throw new RocError(
      "USAGE",
      "Videos are not supported in this family. Give their frames as pictures, one <image> each.",
    );
  }

  pixels(picture: RgbImage | StoredImage): RgbImage {
    return resized(picture, this.#image);
  }

  /** Writes the files into a checkpoint folder. @throws RocError FILE_UNWRITABLE */
  async saveFiles(folder: string): Promise<void> {
    const { image, video } = this.files;
    await atomicWriteJson(join(folder, IMAGE_FILE), image);
    if (video !== undefined) await atomicWriteJson(join(folder, VIDEO_FILE), video);
  }

  #clip(frames: readonly RgbImage[]): Clip {
    const { width, height } = frames[0] as RgbImage;
    const { patchSize, merge } = this.vision;
    const block = patchSize * merge;
    if (width % block !== 0 || height % block !== 0) {
      const text = `${IMAGE_FILE} says do_resize false, but a picture of ${width} x ${height} pixels`;
      throw new RocError("IMAGE_UNSUPPORTED", `${text} does not divide into blocks of ${block}. Resize it before.`);
    }
    const depth = Math.ceil(frames.length / this.vision.frames);
    return { frames, grid: [depth, height / patchSize, width / patchSize] };
  }

  #batch(clips: readonly Clip[], steps: ImageSteps): ImageBatch {
    const { patchSize, frames: deep } = this.vision;
    const size = 3 * deep * patchSize ** 2;
    const total = clips.reduce((sum, { grid: [t, h, w] }) => sum + t * h * w, 0);
    const values = new Float32Array(total * size);
    const tables = valueTables(steps);
    let start = 0;
    for (const { frames, grid } of clips) {
      const [depth, height, width] = grid;
      const length = height * width * size;
      for (let slab = 0; slab < depth; slab++, start += length) {
        // An odd last frame is repeated, and a still picture fills all frames.
        const inside = Array.from({ length: deep }, (_, t) => frames[slab * deep + t] ?? (frames.at(-1) as RgbImage));
        writePatches(inside, this.vision, tables, values.subarray(start, start + length));
      }
    }
    return { pixelValues: fromTypedArray(values, [total, size]), imageGridThw: clips.map(({ grid }) => grid) };
  }
}

function resized(picture: RgbImage | StoredImage, steps: ImageSteps): RgbImage {
  return resizeBicubic(picture, sizeInBlocks(picture, steps));
}

/** @throws RocError USAGE where a resize mode is asked for; FILE_NOT_FOUND, FILE_UNREADABLE, CONFIG_INVALID */
export async function readImageFiles(folder: FolderLike, { resize }: ProcessorOptions): Promise<ImageFiles> {
  if (resize !== undefined) {
    const text = `--resize (resize) "${resize}": pictures are not made square, the model takes them in any shape, all of them`;
    throw new RocError("USAGE", `${text}. Leave it out.`);
  }
  const files = openFolder(folder);
  const { config: image } = await readImageConfig(files);
  const video = (await readConfigPart(files, "video_processor", VIDEO_FILE))?.config;
  return { image, ...(video !== undefined && { video }) };
}
