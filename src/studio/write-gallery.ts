/** `writeStudioGallery()`: what `roc4mllm studio gallery` does, as a function. */
import { atomicWriteFile } from "../files/index.js";
import type { GalleryOptions } from "./gallery/page.js";

export interface WriteGalleryOptions extends GalleryOptions {
  /** The page. Default `gallery.html` in the current folder. */
  readonly out?: string;
}

/**
 * Writes a page (HTML) of a studio's pictures with votes, attributes and comments. It needs no network and runs no script.
 *
 * @param folder that `writeStudio()` wrote
 * @returns the page, and its size in bytes
 * @throws RocError FILE_NOT_FOUND, FILE_UNWRITABLE, DATA_INVALID (another version's studio), ABORTED
 */
export async function writeStudioGallery(
  folder: string,
  { out: file = "gallery.html", ...options }: WriteGalleryOptions = {},
): Promise<{ readonly file: string; readonly bytes: number }> {
  const { studioGallery } = await import("./gallery/page.js");
  const page = await studioGallery(folder, options);
  await atomicWriteFile(file, page);
  return { file, bytes: Buffer.byteLength(page) };
}
