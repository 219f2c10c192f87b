/** Pointers of Git LFS: small text files that replace large files, which are stored elsewhere. */
import { RocError } from "../errors.js";

const START = "version https://git-lfs.github.com/spec/";
/** Pointers are smaller than this, by their specification. */
export const POINTER_BYTES = 1024;

/**
 * Refuses a pointer of Git LFS.
 *
 * @param start the file's first bytes
 * @throws RocError FILE_UNREADABLE
 */
export function refusePointer(start: Uint8Array, file: string): void {
  const text = Buffer.from(start.buffer, start.byteOffset, Math.min(start.byteLength, POINTER_BYTES)).toString(
    "latin1",
  );
  if (!text.startsWith(START)) return;
  const [, size] = /^size (\d+)/m.exec(text) ?? [];
  const what = size === undefined ? "" : ` of ${size} bytes`;
  const remedy = "In its repository: git lfs install && git lfs pull. Or download the file itself.";
  throw new RocError("FILE_UNREADABLE", `${file} is a Git LFS pointer, not the file${what} itself. ${remedy}`);
}
