/** Edited copies of photos as new files: nothing that is there is ever written over. */
import { rm, stat, writeFile } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { asideOf, makeFolder, publishFile, readBytes, writing } from "../files/index.js";
import { decodeImage, loadSharp, pathOfName, readableName, type ImageInput } from "../image/index.js";
import { applyEdits, type Edits } from "../image/edits/index.js";

/** Of a JPEG; more is hardly smaller than the pixels themselves. */
const QUALITY = 95;

/** A photo and what is to be done to it. */
export interface EditedCopy {
  /** What results call it: its path, where it is a file. */
  readonly file: string;
  readonly data: ImageInput;
  readonly edits: Edits;
}

/**
 * Writes the edited photo in its full size into a folder, which is created, as `NAME-advised.jpg` in sRGB; where a file of that name is
 * there, as `NAME-advised-2.jpg` and so on. A file with the same bytes is not written twice.
 *
 * @returns its path
 * @throws RocError FILE_UNWRITABLE; those of {@link decodeImage}
 */
export async function writeEdited(
  { file, data, edits }: EditedCopy,
  folder: string,
  maxPixels?: number,
): Promise<string> {
  const photo = await decodeImage(data, { name: file, ...(maxPixels !== undefined && { maxPixels }) });
  const { width, height, data: pixels } = await applyEdits(photo, edits);
  const sharp = await loadSharp();
  const bytes = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: QUALITY, chromaSubsampling: "4:4:4" })
    .withIccProfile("srgb")
    .toBuffer();
  await makeFolder(folder);
  const stem = file === "-" ? "stdin" : basename(file, extname(file));
  for (let count = 1; ; count++) {
    const to = join(folder, `${stem}-advised${count === 1 ? "" : `-${count}`}.jpg`);
    if ((await isThere(to, bytes)) || (await publish(to, bytes))) return to;
  }
}

/** Whether a path holds these bytes already. */
async function isThere(path: string, bytes: Uint8Array): Promise<boolean> {
  const found = await stat(pathOfName(path)).catch(() => undefined);
  return found?.isFile() === true && found.size === bytes.length && Buffer.compare(await readBytes(path), bytes) === 0;
}

/** @returns false where another file has the name */
async function publish(to: string, bytes: Uint8Array): Promise<boolean> {
  const aside = pathOfName(asideOf(to));
  return writing(readableName(to), async () => {
    try {
      await writeFile(aside, bytes, { flag: "wx" });
      await publishFile(aside, pathOfName(to));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
      throw error;
    } finally {
      await rm(aside, { force: true });
    }
  });
}
