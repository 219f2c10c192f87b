/** Photos of a folder, for programs that name no files. */
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { readError } from "../files/index.js";
import { isImageName } from "../image/extensions.js";

/**
 * Files in a folder, or below it, that are called like pictures; what begins with a dot is left out.
 *
 * @returns real paths, in the order of their names
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export async function findPhotos(folder: string): Promise<{ readonly folder: string; readonly files: string[] }> {
  try {
    const root = await realpath(folder);
    const entries = await readdir(root, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile() && isImageName(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => !/[\\/]\./.test(file.slice(root.length)));
    return { folder: root, files: files.sort() };
  } catch (cause) {
    throw readError(folder, cause);
  }
}
