/** Errors that several files of the engine make, and those that are one picture's own as results. Loads no libtorch. */
import { isRocError, RocError, type ErrorCode } from "../errors.js";
import type { ScoreFailure } from "./types.js";

/** Whether an error is about one picture: its file, or numbers that are none. */
export function isPicturesFault(error: unknown): error is RocError {
  return isRocError(error) && /^(FILE_|IMAGE_|SCORE_NOT_FINITE$)/.test(error.code);
}

/** A picture without a score as a result. @throws any error that is not its own */
export function failure(file: string, error: unknown): ScoreFailure {
  if (!isPicturesFault(error)) throw error;
  return failed(file, error.code, error.message);
}

export function failed(file: string, code: ErrorCode, message: string): ScoreFailure {
  return { file, error: { code, message } };
}

export function disposedError(name: string): RocError {
  return new RocError("USAGE", `The model ${name} is disposed; load it again`);
}

/** The error of a loading that a signal has ended. */
export function loadingAborted(signal: AbortSignal | undefined, folder: string): RocError {
  return new RocError("ABORTED", `Loading ${folder} was cancelled`, { cause: signal?.reason });
}

/** @throws RocError ABORTED */
export function checkAborted(signal: AbortSignal | undefined, folder: string): void {
  if (signal?.aborted) throw loadingAborted(signal, folder);
}
