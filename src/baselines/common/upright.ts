/** Pictures as they are, without libtorch: what systems take that resize values instead of bytes. */
import { resizeAsync, uprightSize, type RgbImage, type StoredImage } from "../../image/index.js";

/** The whole picture in its own size, upright. */
export async function uprightPicture(picture: RgbImage | StoredImage): Promise<RgbImage> {
  if (!("stored" in picture)) return picture;
  if (picture.orientation === 1) return picture.stored;
  return await resizeAsync(picture, uprightSize(picture));
}
