/** The digest of a file's content: which picture it is, wherever it lies and whatever it is called. */
import { createHash } from "node:crypto";
import { isRocError } from "../../errors.js";
import { openRegular, readError } from "../../files/index.js";
import { pathOfName, readableName } from "../../image/index.js";

const CHUNK = 1 << 20;

/**
 * SHA-256 of all bytes. All of them, as cameras write files of equal size with equal first and last bytes; SHA-256, as two
 * files that share a digest share a score, and processors have instructions for it: reading takes longer.
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; an AbortError
 */
export async function contentDigest(path: string, signal?: AbortSignal): Promise<Buffer> {
  try {
    await using handle = await openRegular(pathOfName(path));
    const hash = createHash("sha256");
    const buffer = Buffer.allocUnsafeSlow(CHUNK);
    for (let bytes = -1; bytes !== 0;) {
      signal?.throwIfAborted();
      ({ bytesRead: bytes } = await handle.read(buffer, 0, CHUNK));
      hash.update(buffer.subarray(0, bytes));
    }
    return hash.digest();
  } catch (cause) {
    if (isRocError(cause) || signal?.aborted) throw cause;
    throw readError(readableName(path), cause);
  }
}
