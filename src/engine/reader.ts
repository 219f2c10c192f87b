/** The model's side of scoring: prepared pictures in, one outcome each out. Synchronous, in the thread that has the weights. */
import { isOutOfMemory, messageOf, RocError } from "../errors.js";
import type { ResizeMode, RgbImage } from "../image/index.js";
import type { Scale, WrittenText } from "../roc/index.js";
import { threadsWorth, torchVersion, withThreads } from "../torch/index.js";
import { batchSizeOf, type BatchSize } from "./batch-size.js";
import type { Estimate, Estimator, Unclear } from "./estimator.js";
import { explainHere } from "./explain/model-side.js";
import type { CellMap, ExplainRequest } from "./explain/types.js";
import { disposedError, failed, isPicturesFault } from "./failures.js";
import type { ModelFacts, OnWritten, Outcome, ReadingOptions, ScoreResult, SetAnswer, SetAsking } from "./types.js";

/** What reads of a batch go by beside their options. */
interface ReadingCall {
  /** That the program has chosen in another thread. */
  readonly threads?: number | undefined;
  readonly onWritten?: OnWritten | undefined;
  /** Asked between tokens: whether nobody wants the outcomes any more. */
  readonly stopped?: (() => boolean) | undefined;
}

/** A call's {@link ReadingCall} by its pictures. */
interface Told {
  readonly tell: (picture: PreparedPicture, written: WrittenText) => void;
  readonly check: () => void;
}

/** A picture as a model's processor has prepared it, with what its result says of the file. All of it can be sent to a thread. */
export interface PreparedPicture {
  readonly file: string;
  readonly damaged?: string | undefined;
  readonly pixels: RgbImage;
}

/**
 * Where the parts of {@link createModel} come from, and how it scores.
 *
 * @category Checkpoints and models
 */
export interface ModelOptions {
  /** As {@link Model.digest}. */
  readonly digest?: string | undefined;
  /** As {@link Model.folder}. */
  readonly folder?: string | undefined;
  /** How pictures were asked to get into a square; default: as the checkpoint says. */
  readonly resize?: ResizeMode | undefined;
  /** Of results; default as {@link Model.scale}. */
  readonly scale?: Scale | undefined;
  /** Threads that score a picture; default: by the model's size and the cores, as {@link torch.threadsWorth} says. */
  readonly threads?: number | undefined;
  /** Pictures that are computed together: a whole number from 1, or "auto" (default), as {@link LoadOptions.batchSize}. */
  readonly batchSize?: BatchSize | undefined;
  /** Told what is no error: that memory was short and batches are smaller from now on. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/** Variants of a picture that are computed at a time. */
const TOGETHER = 8;

export class Reader {
  readonly facts: ModelFacts;
  readonly #estimator: Estimator;
  readonly #options: Omit<ModelOptions, "scale">;
  /** Pictures at a time, since memory was short for more. */
  #most = Infinity;
  #threads: number | undefined;
  #disposed = false;

  /**
   * @param name what results call the model
   * @throws RocError USAGE for a batch size that is none
   */
  constructor(estimator: Estimator, name: string, options: Omit<ModelOptions, "scale">) {
    this.#estimator = estimator;
    this.#options = options;
    this.facts = factsOf(estimator, name, options);
  }

  /**
   * What the model says of every picture, in their order. A picture that has no score costs itself only, and what does not
   * fit into memory together is computed in smaller batches.
   *
   * @throws RocError USAGE where the model is disposed; ABORTED; whatever is no picture's own fault
   */
  read(
    pictures: readonly PreparedPicture[],
    options: ReadingOptions,
    { threads, onWritten, stopped }: ReadingCall = {},
  ): Outcome[] {
    if (this.#disposed) throw disposedError(this.facts.name);
    this.#threads ??= threads;
    const outcomes: Outcome[] = [];
    const told: Told = {
      tell: (picture, written) => onWritten?.(pictures.indexOf(picture), written),
      check: checking(stopped),
    };
    while (outcomes.length < pictures.length) {
      const next = pictures.slice(outcomes.length, outcomes.length + Math.min(this.#most, pictures.length));
      outcomes.push(...(this.#attempt(next, options, told) ?? []));
    }
    return outcomes;
  }

  /**
   * Which parts of a picture move its score.
   *
   * @throws RocError USAGE where the model is disposed, or has no such score or gradient; ABORTED; SCORE_NOT_FINITE
   */
  explain(request: ExplainRequest, { threads, stopped }: Omit<ReadingCall, "onWritten"> = {}): CellMap {
    if (this.#disposed) throw disposedError(this.facts.name);
    this.#threads ??= threads;
    const estimator = this.#estimator;
    const together = Math.max(1, Math.min(this.#most, TOGETHER, estimator.together ?? TOGETHER));
    const lens = estimator.lens(request.pictures.photo);
    return withThreads(this.#threadsFor(together), () =>
      explainHere(lens, estimator.scale, request, together, checking(stopped)),
    );
  }

  /**
   * What the model says of pictures that one prompt shows together.
   *
   * @throws RocError USAGE where it looks at single pictures alone, or is disposed; as {@link read}
   */
  judge(pictures: readonly PreparedPicture[], asking: SetAsking, threads?: number): SetAnswer {
    if (this.#disposed) throw disposedError(this.facts.name);
    const estimator = this.#estimator;
    if (!estimator.judge)
      throw new RocError("USAGE", `${this.facts.name} looks at one picture at a time; compare by its scores alone.`);
    this.#threads ??= threads;
    const pixels = pictures.map((picture) => picture.pixels);
    return withThreads(this.#threadsFor(1), () => estimator.judge?.(pixels, asking) as SetAnswer);
  }

  /** @param rows pictures that are computed together */
  #threadsFor(rows: number): number {
    return this.#options.threads ?? (this.#threads ??= threadsWorth(this.#estimator.weights(), rows));
  }

  /** Undefined where memory is short for so many: {@link #most} is smaller then. */
  #attempt(pictures: readonly PreparedPicture[], options: ReadingOptions, told: Told): Outcome[] | undefined {
    try {
      told.check();
      return this.#together(pictures, options, told);
    } catch (error) {
      const [{ file } = { file: "" }, ...others] = pictures;
      if (isOutOfMemory(error)) {
        if (others.length === 0) return [tooLarge(file, error)];
        this.#shrink(pictures.length);
        return undefined;
      }
      if (!isPicturesFault(error)) throw error;
      if (others.length === 0) return [failed(file, error.code, `${file}: ${error.message}`)];
      return pictures.flatMap((one) => this.#attempt([one], options, told) ?? []);
    }
  }

  #shrink(length: number): void {
    const isFirst = this.#most === Infinity;
    this.#most = Math.ceil(length / 2);
    if (!isFirst) return;
    const remedy = "Give a smaller batch (--batch, batchSize) to have this from the start.";
    this.#options.onNote?.(
      `memory is short for ${length} pictures at a time; batches are halved until they fit. ${remedy}`,
    );
  }

  #together(
    pictures: readonly PreparedPicture[],
    { told, ...options }: ReadingOptions,
    { tell, check }: Told,
  ): Outcome[] {
    const estimator = this.#estimator;
    const threads = this.#threadsFor(this.facts.batchSize);
    const onText = told && ((row: number, written: WrittenText) => tell(pictures[row] as PreparedPicture, written));
    const asked = { ...options, check, ...(onText && { onText }) };
    const pixels = pictures.map((picture) => picture.pixels);
    const answers = withThreads(threads, () => estimator.estimate(pixels, asked));
    if (answers.length !== pictures.length) {
      throw new RocError("INTERNAL", `${answers.length} answers to ${pictures.length} pictures.`);
    }
    return pictures.map((picture, i) => this.#outcome(picture, answers[i] as Estimate | Unclear));
  }

  #outcome({ file, damaged }: PreparedPicture, estimate: Estimate | Unclear): Outcome {
    if ("unclear" in estimate) return unclear(file, estimate.unclear);
    const { method, dtype, quantization } = this.#estimator;
    return {
      file,
      ...(damaged !== undefined && { damaged }),
      ...estimate,
      model: this.facts.name,
      ...(method.scorer && { scorer: method.scorer }),
      ...(dtype !== "float32" && { dtype }),
      ...(quantization && { quantization }),
    } satisfies ScoreResult;
  }

  /** Frees the weights. Twice is harmless. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#estimator.dispose();
  }
}

/** @throws RocError ABORTED, once nobody wants the outcomes any more */
function checking(stopped: (() => boolean) | undefined): () => void {
  return () => {
    if (stopped?.()) throw new RocError("ABORTED", "Scoring was cancelled");
  };
}

function factsOf(estimator: Estimator, name: string, options: Omit<ModelOptions, "scale">): ModelFacts {
  const { method, scale, dtype, device, quantization } = estimator;
  const batchSize = batchSizeOf(options.batchSize, device, estimator.together);
  const settings = {
    ...method,
    scale,
    dtype,
    ...(quantization && { quantization }),
    ...estimator.settings,
    device: device.split(":")[0],
    resize: options.resize ?? null,
    // One at a time, a score does not depend on the others.
    ...(batchSize > 1 && { batch: batchSize }),
    torch: torchVersion(),
  };
  return { name, scale, digest: options.digest, folder: options.folder, settings, method, batchSize };
}

/** A model that writes digits may write something else. */
function unclear(file: string, text: string): Outcome {
  return failed(file, "ANSWER_UNCLEAR", `${file}: no score could be read from the answer ${JSON.stringify(text)}`);
}

function tooLarge(file: string, error: unknown): Outcome {
  const [reason = ""] = messageOf(error).split("\n");
  const remedy = "Close other programs, or take a smaller model or dtype.";
  return failed(
    file,
    "OUT_OF_MEMORY",
    `${file}: there is too little memory to score this picture: ${reason}. ${remedy}`,
  );
}
