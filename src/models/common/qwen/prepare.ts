/** Pictures resized to whole blocks, also where there is no libtorch. */
import type { Size } from "../../../image/geometry.js";
import { resizeAsync, uprightSize } from "../../../image/resize.js";
import type { RgbImage, StoredImage } from "../../../image/types.js";
import type { ImageInputs } from "../../types.js";
import { smartResize, type PixelLimits } from "./smart-resize.js";

/** What of the image processor's steps changes a picture's size, as plain data. */
export interface BlockSteps {
  /** Undefined: pictures come in the right size. */
  readonly resize?: PixelLimits | undefined;
}

/** The size that a picture gets. */
export function sizeInBlocks(picture: RgbImage | StoredImage, { resize }: BlockSteps): Size {
  const upright = uprightSize(picture);
  return resize ? smartResize(upright, resize) : upright;
}

/** `prepareBy()` of Qwen's models. */
export function prepareBlocks(steps: unknown): Promise<ImageInputs["prepare"]> {
  return Promise.resolve((picture) => resizeAsync(picture, sizeInBlocks(picture, steps as BlockSteps)));
}
