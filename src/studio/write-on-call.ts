/** The functions behind `roc4mllm studio`; the canvas is loaded when they are called. */
import { requireSpec } from "../errors.js";
import { atomicWriteFile } from "../files/index.js";
import type { GalleryOptions } from "./gallery/page.js";
import type { WriteFormatsOptions, WrittenFormats } from "./write.js";

/**
 * Writes a studio, synthetic photographs of known quality, in official formats that `evaluate()`, training and
 * `checkData()` read. Repeating a stopped call resumes it; repeating a finished one changes nothing. The same seed gives
 * the same pictures, raters and test part in every format.
 *
 * @example
 * ```ts
 * import { writeStudioFormats, writeStudioGallery } from "roc4mllm";
 *
 * const { rendered } = await writeStudioFormats("STUDIO/", { formats: ["tad66k"], count: 6, longEdge: 64, seed: 3 });
 * await writeStudioGallery("STUDIO/", { count: 3, out: "gallery.html" });
 * console.log(rendered); // 6
 * ```
 *
 * @param folder becomes the data set for one format; with several, each gets a subfolder of its name
 * @throws RocError USAGE for options out of range or a folder with other labels; IN_USE; FILE_UNWRITABLE; ABORTED
 *
 * @category Data sets
 */
export async function writeStudioFormats(folder: string, options: WriteFormatsOptions): Promise<WrittenFormats> {
  requireSpec(options, "writeStudioFormats(folder, options)");
  return (await import("./write.js")).writeStudioFormats(folder, options);
}

/**
 * The page of a gallery.
 *
 * @category Data sets
 */
export interface WrittenGallery {
  /** Its path. */
  readonly file: string;
  /** Its size in bytes. */
  readonly bytes: number;
}

/**
 * What {@link writeStudioGallery} writes.
 *
 * @category Data sets
 */
export interface WriteGalleryOptions extends GalleryOptions {
  /** The page. Default `gallery.html` in the current folder. */
  readonly out?: string;
}

/**
 * Writes a page (HTML) of a studio's pictures with votes, attributes and comments. It needs no network and runs no script.
 *
 * @param folder written by `writeStudioFormats()`
 * @returns the page, and its size in bytes
 * @throws RocError FILE_NOT_FOUND, FILE_UNWRITABLE, DATA_INVALID (another version's studio), ABORTED
 *
 * @category Data sets
 */
export async function writeStudioGallery(
  folder: string,
  { out: file = "gallery.html", ...options }: WriteGalleryOptions = {},
): Promise<WrittenGallery> {
  const { studioGallery } = await import("./gallery/page.js");
  const page = await studioGallery(folder, options);
  await atomicWriteFile(file, page);
  return { file, bytes: Buffer.byteLength(page) };
}
