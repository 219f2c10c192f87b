/** Failed writes as errors of ours. */
import { messageOf, RocError } from "../errors.js";

/** A failed write as one of our errors. */
export function writeError(path: string, cause: unknown): RocError {
  const message = `${path} cannot be written: ${messageOf(cause)}. Check the folder's rights and the free space.`;
  return new RocError("FILE_UNWRITABLE", message, { cause });
}

/**
 * Does what writes, moves or removes `path`.
 *
 * @throws RocError FILE_UNWRITABLE naming the path where the file system refuses; other errors as they are
 */
export async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw writeError(path, error);
  }
}

/** Whether the operating system has refused a call. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "code" in error;
}
