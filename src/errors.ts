/**
 * The one error class of this project and the table of its codes. Imports nothing.
 *
 * Every message says what is wrong (with the file and the field where there is one) and what to do next.
 */

/**
 * Every code with the process exit code that the command line gives it.
 *
 * @category Errors
 */
export const ERROR_CODES = {
  /** A command or function was called with arguments that make no sense. */
  USAGE: 2,
  /** A file or folder does not exist or cannot be opened. */
  FILE_NOT_FOUND: 3,
  /** A file that cannot be read: no permission, a folder or a pipe in its place, text in an encoding that is not known. */
  FILE_UNREADABLE: 3,
  /** A file of 0 bytes. */
  FILE_EMPTY: 3,
  /** The system refused to write a file or folder. */
  FILE_UNWRITABLE: 3,
  /** An image that cannot be decoded, or lacks pixels. */
  IMAGE_BROKEN: 3,
  /** An image over the limit of pixels or bytes, or with more tokens than fit into the model's positions beside the question. */
  IMAGE_TOO_LARGE: 3,
  /** A file in a format that is not read here (a RAW file without a preview), or no image. */
  IMAGE_UNSUPPORTED: 3,
  /** A model's answer in which no score can be found. */
  ANSWER_UNCLEAR: 3,
  /** What a model computes is NaN or infinite: a damaged weight, or numbers too large for the dtype. */
  SCORE_NOT_FINITE: 10,
  /** A checkpoint's weights are not as their format says. */
  CHECKPOINT_INVALID: 4,
  /** A checkpoint's files do not fit one another: a parameter is missing, unexpected or of a wrong shape. */
  CHECKPOINT_MISMATCH: 4,
  /** A configuration lacks a field, or one makes no sense. */
  CONFIG_INVALID: 4,
  /** A tokenizer's files are not as their format says, or do not fit the config. */
  TOKENIZER_INVALID: 4,
  /** A data set file that is not as its format says. */
  DATA_INVALID: 4,
  /** The native addon or libtorch is missing or of a wrong version. */
  NATIVE_UNAVAILABLE: 5,
  /** libtorch threw; the message names the operator and the shapes. */
  TORCH: 6,
  /** A tensor was used after it was freed. */
  TENSOR_DISPOSED: 6,
  /** A GPU has failed so that this process can use it no more: start the process anew. */
  DEVICE_LOST: 6,
  /** The hub or Redis cannot be reached, or refused. */
  NETWORK: 8,
  /** A training run cannot continue. */
  TRAINING: 7,
  /** There is too little memory, on the CPU or the GPU. */
  OUT_OF_MEMORY: 7,
  /** Another process holds the lock of what is asked for. */
  IN_USE: 9,
  /** The caller's AbortSignal fired. */
  ABORTED: 130,
  /** Who read standard output has gone (`| head`): the code that a shell gives a process which that ends. */
  OUTPUT_CLOSED: 141,
  /** A bug of ours. */
  INTERNAL: 70,
} as const;

/**
 * What kind of error: one of the keys of {@link ERROR_CODES}.
 *
 * @category Errors
 */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Characters of a message. */
const LONGEST = 8000;

/** A message without its middle where a file put megabytes into it: the place stays at its start, the remedy at its end. */
function shortened(message: string): string {
  if (message.length <= LONGEST) return message;
  return `${message.slice(0, LONGEST - 1000)} ... ${message.slice(-1000)}`;
}

/**
 * The only error class that this project throws on purpose. Its message says what is wrong, with the file and the field
 * where there is one, and what to do.
 *
 * @category Errors
 */
export class RocError extends Error {
  /** "RocError": tells it where `instanceof` cannot, as between two copies of the package. */
  override readonly name = "RocError";

  /**
   * An error of ours, for programs that extend the library.
   *
   * @param code one of {@link ERROR_CODES}
   * @param message what is wrong and what to do, naming file and field
   * @param options `cause`: the error underneath, kept for debugging
   */
  constructor(
    /** What kind of error it is. */
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(shortened(message), options);
  }

  /** The process exit code of this error: `ERROR_CODES[code]`. */
  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}

/**
 * Whether something that was caught is a {@link RocError}.
 *
 * @example
 * ```ts
 * import { decodeImage, isRocError } from "roc4mllm";
 *
 * try {
 *   await decodeImage("missing.jpg");
 * } catch (error) {
 *   if (!isRocError(error)) throw error;
 *   console.log(error.code, error.exitCode); // FILE_NOT_FOUND 3
 * }
 * ```
 *
 * @category Errors
 */
export function isRocError(error: unknown): error is RocError {
  return error instanceof RocError;
}

/**
 * Refuses what a caller without types gave instead of a spec.
 *
 * @throws RocError USAGE where `value` is not an object
 */
export function requireSpec(value: unknown, what: string): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new RocError("USAGE", `${what} takes an object, and was given ${value === null ? "null" : typeof value}.`);
}

/** What follows the name of the file that a message begins with, from the colon or space on; undefined: it begins otherwise. */
export function behindFile(message: string, file: string): string | undefined {
  if (!message.startsWith(file)) return undefined;
  const rest = message.slice(file.length);
  // Not that of its sidecar, whose name may begin as its own.
  return /^[: ]/.test(rest) ? rest : undefined;
}

/** A message without the name of the file that it begins with, for where the file is named already. */
export function withoutFile(message: string, file: string): string {
  return behindFile(message, file)?.replace(/^:? /, "") ?? message;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the system's, libtorch's (of its CPU and GPU allocators, cuBLAS and cuDNN) and V8's own errors call it. */
const NO_MEMORY =
  /out of memory|can't allocate memory|cannot allocate|not enough memory|bad_alloc|failed to map segment|array buffer allocation failed|_ALLOC(ATION)?_FAILED/i;

/** Codes whose messages are a library's own words. Others' hold names of files, which may be anything. */
const OWN_WORDS: ReadonlySet<ErrorCode> = new Set(["TORCH", "NATIVE_UNAVAILABLE", "INTERNAL"]);

/** Whether anything that was thrown, or its cause, says that memory is short. */
export function isOutOfMemory(error: unknown): boolean {
  if (isRocError(error)) {
    if (error.code === "OUT_OF_MEMORY") return true;
    return OWN_WORDS.has(error.code) ? NO_MEMORY.test(error.message) : isOutOfMemory(error.cause);
  }
  // The system's errors name files, too.
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown };
  return syscall === undefined ? NO_MEMORY.test(messageOf(error)) : code === "ENOMEM";
}

/** The beginning of a text, for a message. */
export function beginning(text: string, most = 60): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
