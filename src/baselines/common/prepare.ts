/** What pictures become before a system crops them, where there is no libtorch. */
import type { PixelFilter, RgbImage, Size, StoredImage } from "../../image/index.js";
import type { PictureInputs } from "../types.js";

/** How pictures are resized, as plain data. */
export interface ResizeSteps {
  /** "short": the shorter side to `side`, aspect kept (torchvision's Resize); "squash": both sides. */
  readonly fit: "short" | "squash";
  /** In pixels. */
  readonly side: number;
  readonly filter: PixelFilter;
  /** "values": of the batch, before they are rounded to bytes, so that nothing is done here but turning. Default "bytes". */
  readonly resize?: "bytes" | "values" | undefined;
}

/** `prepareBy()` of systems that resize by {@link ResizeSteps}. Loads the decoder of pictures when it is called. */
export async function prepareResized(steps: unknown): Promise<PictureInputs["prepare"]> {
  const { resizeAs, shortestEdgeSize, uprightSize } = await import("../../image/index.js");
  const { fit, side, filter, resize } = steps as ResizeSteps;
  if (resize === "values") return (await import("./upright.js")).uprightPicture;
  const sizeOf = (picture: RgbImage | StoredImage): Size =>
    fit === "short" ? shortestEdgeSize(uprightSize(picture), side) : { width: side, height: side };
  return (picture) => resizeAs(picture, sizeOf(picture), filter);
}
