/** Failed writes as RocErrors. */
import { messageOf, RocError } from "../errors.js";

/** A failed write as a RocError. */
export function writeError(path: string, cause: unknown): RocError {
  const isLong = isSystemError(cause) && cause.code === "ENAMETOOLONG";
  const remedy = isLong ? "Give it a shorter name." : "Check the folder's permissions and the free space.";
  const message = `${path} cannot be written: ${messageOf(cause)}. ${remedy}`;
  return new RocError("FILE_UNWRITABLE", message, { cause });
}

/**
 * Runs `work`, which writes, moves or removes `path`.
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

/** Whether an error comes from a system call. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error && "code" in error;
}
