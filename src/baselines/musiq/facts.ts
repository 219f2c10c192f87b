/** What MUSIQ is known by, and how it prepares a picture, without libtorch. */
import { resizeAsync, uprightSize, type RgbImage, type StoredImage } from "../../image/index.js";
import type { SystemFacts } from "../types.js";

/** `model_type` of our files. */
export const MUSIQ = "musiq";

/**
 * "original": the authors' code (google-research/musiq), the published method; "pyiqa": its port to PyTorch, which resizes and
 * standardises in another way, and has another GELU.
 */
export const FORMS = ["original", "pyiqa"] as const;
export type Form = (typeof FORMS)[number];

export const musiqFacts: SystemFacts = {
  name: MUSIQ,
  title: "MUSIQ",
  variants: FORMS,
  prepareBy: () => Promise.resolve(uprightPicture),
};

/** The whole picture in its own size, upright: one of the scales is native. */
export async function uprightPicture(picture: RgbImage | StoredImage): Promise<RgbImage> {
  if (!("stored" in picture)) return picture;
  if (picture.orientation === 1) return picture.stored;
  return await resizeAsync(picture, uprightSize(picture));
}
