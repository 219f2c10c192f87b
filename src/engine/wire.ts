/** What a model in a worker and its callers say to each other. Loads no libtorch. */
import { ERROR_CODES, isRocError, messageOf, RocError, type ErrorCode } from "../errors.js";
import type { PackedCheckpoint } from "../models/places.js";
import type { WrittenText } from "../roc/question.js";
import type { CellMap, ExplainRequest } from "./explain/types.js";
import type { LoadOptions } from "./load.js";
import type { PreparedPicture } from "./reader.js";
import type { ModelFacts, Outcome, ReadingOptions, SetAnswer, SetAsking } from "./types.js";

/** What of the options can be sent: the rest stays with the caller. */
export type SentOptions = Omit<LoadOptions, "signal" | "onNote" | "worker" | "calibration" | "interval">;

/** Whether an option is sent: each has to be here. */
const SENT: Readonly<Record<keyof SentOptions, true>> = {
  device: true,
  dtype: true,
  quantize: true,
  pack: true,
  visionTower: true,
  resize: true,
  scale: true,
  base: true,
  head: true,
  threads: true,
  batchSize: true,
  scorer: true,
  aspect: true,
  promptSource: true,
  text: true,
  sample: true,
};

/** The options as plain data, whatever else a caller's object holds. */
export function sentOptions({ scale, ...options }: LoadOptions): SentOptions {
  const known = Object.entries(options).filter(([key]) => Object.hasOwn(SENT, key));
  return { ...Object.fromEntries(known), ...(scale && { scale: { min: scale.min, max: scale.max } }) };
}

export type ToWorker =
  | { readonly type: "open"; readonly checkpoint: PackedCheckpoint; readonly options: SentOptions }
  | {
      readonly type: "read";
      readonly id: number;
      readonly pictures: readonly PreparedPicture[];
      readonly options: ReadingOptions;
      /** Where the program has chosen a number since. */
      readonly threads: number | undefined;
      /** In memory of both threads: not 0 once nobody wants the outcomes, which a thread that computes hears of in no message. */
      readonly stop: Int32Array<SharedArrayBuffer>;
    }
  | {
      readonly type: "explain";
      readonly id: number;
      readonly request: ExplainRequest;
      readonly threads: number | undefined;
      readonly stop: Int32Array<SharedArrayBuffer>;
    }
  | {
      readonly type: "judge";
      readonly id: number;
      readonly pictures: readonly PreparedPicture[];
      readonly asking: SetAsking;
      readonly threads: number | undefined;
    }
  | { readonly type: "dispose" };

export type FromWorker =
  | { readonly type: "opened"; readonly facts: ModelFacts; readonly steps: unknown }
  | { readonly type: "refused"; readonly error: PackedError }
  | { readonly type: "outcomes"; readonly id: number; readonly outcomes: readonly Outcome[] }
  | { readonly type: "explained"; readonly id: number; readonly map: CellMap }
  | { readonly type: "judged"; readonly id: number; readonly answer: SetAnswer }
  | { readonly type: "written"; readonly id: number; readonly picture: number; readonly written: WrittenText }
  | { readonly type: "failed"; readonly id: number; readonly error: PackedError }
  | { readonly type: "note"; readonly text: string };

/** An error between threads, which lose its class and what else it has. */
export interface PackedError {
  /** Undefined where it is none of ours. */
  readonly code: ErrorCode | undefined;
  readonly message: string;
  readonly stack: string | undefined;
  readonly cause: string | undefined;
}

export function packError(error: unknown): PackedError {
  const { stack, cause } = error instanceof Error ? error : {};
  return {
    code: isRocError(error) ? error.code : undefined,
    message: messageOf(error),
    stack,
    cause: cause === undefined ? undefined : cause instanceof Error ? (cause.stack ?? cause.message) : messageOf(cause),
  };
}

export function unpackError({ code, message, stack, cause }: PackedError): Error {
  const options = cause === undefined ? undefined : { cause: textError(cause, cause) };
  if (code === undefined || !Object.hasOwn(ERROR_CODES, code)) return textError(message, stack, options);
  return new RocError(code, message, options);
}

function textError(message: string, stack: string | undefined, options?: ErrorOptions): Error {
  const error = new Error(message.split("\n")[0], options);
  if (stack !== undefined) error.stack = stack;
  return error;
}
