/** What files of pictures are called. A file that is named is tried whatever it is called. */
import { extname } from "node:path";
import { IMAGE_ENDINGS, RAW_ENDINGS } from "./endings.js";

const RAW: ReadonlySet<string> = new Set(RAW_ENDINGS);
const IMAGES: ReadonlySet<string> = new Set(IMAGE_ENDINGS);

/** A name's extension in small letters, without the dot; "" where it has none. */
export function extensionOf(name: string): string {
  return extname(name).slice(1).toLowerCase();
}

/** Whether a file is called like a camera's RAW file, of which the largest preview is read. */
export function isRawName(name: string): boolean {
  return RAW.has(extensionOf(name));
}

/** Whether a file is called like a picture that is read here, RAW files among them. */
export function isImageName(name: string): boolean {
  return IMAGES.has(extensionOf(name));
}
