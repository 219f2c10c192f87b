/** What readers of weights' formats begin with: the file in memory, and the errors of one that is damaged. */
import { RocError } from "../errors.js";
import { withFile } from "../files/index.js";
import type { WireError } from "../files/protobuf.js";
import { mapFile, type MappedFile } from "../torch/index.js";

/**
 * Maps a file of weights.
 *
 * @param damaged makes the error of a sentence's part
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE; that of `damaged` for an empty file, which cannot be mapped
 */
export async function mapWeights(
  file: string,
  damaged: (what: string) => Error,
  options: { readonly remedy?: string } = {},
): Promise<MappedFile> {
  const size = await withFile(file, (_, bytes) => Promise.resolve(bytes), options);
  if (size === 0) throw damaged("it is empty");
  return mapFile(file);
}

/**
 * The error of a file that another program wrote, of which fetching it again is all that one can do.
 *
 * @param format with its article, as "a Caffe file"
 * @param what a sentence's part, as "it is truncated"
 */
export function damagedFile(file: string, format: string, what: string, cause?: unknown): RocError {
  const message = `${file} is not ${format} that can be read: ${what}. Fetch it again.`;
  return new RocError("CHECKPOINT_INVALID", message, { cause });
}

/** The same of what is wrong with messages of protocol buffers in it. */
export function wireFaults(file: string, format: string): WireError {
  return (problem, field) =>
    damagedFile(file, format, field === undefined ? problem : `${problem} in its field ${field}`);
}
