/** What files of pictures are called. A file that is named is tried whatever it is called. */
import { extname } from "node:path";

const RAW: ReadonlySet<string> = new Set([
  ...["dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "orf", "raf", "rw2", "rwl", "pef", "ptx", "srw"],
  ...["x3f", "3fr", "fff", "erf", "kdc", "dcr", "mrw", "mos", "iiq", "raw", "gpr", "mef"],
]);

/** Of the formats that are read here, beside {@link RAW}. */
const PICTURES: ReadonlySet<string> = new Set([
  ...["jpg", "jpeg", "jpe", "jfif", "jfi", "pjpeg", "pjp", "mpo", "insp", "jps"],
  ...["png", "apng", "webp", "avif", "tif", "tiff", "gif", "heic", "heif", "hif"],
]);

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
  return isRawName(name) || PICTURES.has(extensionOf(name));
}
