/**
 * The caller's side of scoring: reads inputs ahead, decodes and prepares them off the thread, and gives outcomes in the
 * inputs' order. Loads no libtorch.
 */
import { isRocError, RocError } from "../errors.js";
import { withStoredImage, type DecodeOptions, type StoredImage } from "../image/index.js";
import type { ImageInputs } from "../models/types.js";
import { checkQuestions, type WrittenText } from "../roc/question.js";
import type { Batches, Caller } from "./batches.js";
import { failed, failure } from "./failures.js";
import { countInputs, namedInputs, type NamedInput } from "./inputs.js";
import { checkTypes, SCORE_TYPES } from "./option-types.js";
import { orAborted } from "./prefetch.js";
import type { PreparedPicture } from "./reader.js";
import type { Outcome, ReadingOptions, ScoreInputs, ScoreOptions } from "./types.js";

/** Pictures of a call that are read, decoded or prepared at a time: as many as libuv has threads by default. */
const AHEAD = 4;

/** Batches of a call's pictures between the source and who takes the results, so that equal shapes find each other. */
const BATCHES_AHEAD = 4;

/** Bytes of a call's prepared pictures that wait; those that are just being prepared come on top. */
const MOST_BYTES = 2 ** 28;

/** What scoring needs of a model. */
export interface PipelineParts {
  readonly batches: Batches;
  /** Off the thread. */
  readonly prepare: ImageInputs["prepare"];
  /** Fires once the model is disposed: calls that run end, whatever is still computed. */
  readonly ended: { readonly signal: AbortSignal; readonly error: () => Error };
}

/**
 * The outcomes of pictures in the order of the inputs.
 *
 * @throws RocError as `Model.score()`
 */
export async function* scoreAll(
  parts: PipelineParts,
  inputs: ScoreInputs,
  options: ScoreOptions,
): AsyncGenerator<Outcome, void, void> {
  checkTypes("score()", options, SCORE_TYPES);
  const { signal, onProgress } = options;
  const { ended } = parts;
  const total = countInputs(inputs);
  const call = new Call(parts, namedInputs(inputs), options);
  let done = 0;
  try {
    for (;;) {
      const taken = orAborted(call.take(), signal, () => abortion(signal));
      const outcome = await orAborted(taken, ended.signal, ended.error);
      if (!outcome) return;
      onProgress?.(++done, total);
      yield outcome;
    }
  } finally {
    call.leave();
  }
}

/** A picture among the results, from when the source is asked for it until its outcome is taken. */
class Place {
  /** Undefined where the source had no more. */
  readonly outcome: Promise<Outcome | undefined>;
  /** Gives the outcome, now or later. */
  settle: (outcome: Outcome | undefined | PromiseLike<Outcome>) => void = () => undefined;
  /** Whether its picture is prepared and waits for others to be computed with. */
  isWaiting = false;

  constructor() {
    this.outcome = new Promise((resolve) => (this.settle = resolve));
    // Whoever takes it sees the error; without this, one that nobody takes would end the process.
    this.outcome.catch(() => undefined);
  }
}

/** One call of `score()`. */
class Call implements Caller {
  readonly #parts: PipelineParts;
  readonly #source: AsyncIterator<NamedInput>;
  readonly #options: ScoreOptions;
  readonly #reading: ReadingOptions;
  readonly #left = new AbortController();
  /** Ends what is read and decoded. */
  readonly #signal: AbortSignal;
  /** In the order of the inputs. */
  readonly #places: Place[] = [];
  #asked: "no" | "now" | "long ago" = "no";
  #hasEnded = false;
  /** Pictures that are read, decoded or prepared. */
  #preparing = 0;
  /** Those among them, and those that are prepared before an earlier one is. */
  #unordered = 0;
  /** Ends when every picture until now is with the batches, or has failed. */
  #ordered = Promise.resolve();
  /** Of pictures that wait. */
  #bytes = 0;

  constructor(parts: PipelineParts, source: AsyncIterator<NamedInput>, options: ScoreOptions) {
    const { signal, questions } = options;
    checkQuestions(questions);
    this.#parts = parts;
    this.#source = source;
    this.#options = options;
    this.#reading = readingOf(options);
    this.#signal = signal ? AbortSignal.any([signal, this.#left.signal]) : this.#left.signal;
  }

  get hasLeft(): boolean {
    return this.#left.signal.aborted;
  }

  get next(): Caller["next"] {
    if (this.#unordered > 0) return "more";
    if (this.#hasEnded) return "done";
    // Results that are there will be taken, and make room.
    if (this.#isFull) return this.#places[0]?.isWaiting ? "done" : "more";
    return this.#asked === "long ago" ? "paused" : "more";
  }

  /** The next outcome; undefined at the end. */
  async take(): Promise<Outcome | undefined> {
    this.#advance();
    const outcome = await this.#places[0]?.outcome;
    this.#places.shift();
    this.#advance();
    this.#parts.batches.wake();
    return outcome;
  }

  /**
   * Nothing is waited for: a source that waits for its next picture could take for ever.
   */
  leave(): void {
    this.#left.abort();
    this.#hasEnded = true;
    this.#parts.batches.wake();
    this.#source.return?.().then(undefined, () => undefined);
  }

  get #isFull(): boolean {
    const places = Math.max(AHEAD, BATCHES_AHEAD * this.#parts.batches.size);
    return this.#places.length >= places || this.#bytes >= MOST_BYTES;
  }

  /** Asks the source for one picture, and after that for the next. */
  #advance(): void {
    if (this.#asked !== "no" || this.#hasEnded || this.#isFull || this.#preparing >= AHEAD) return;
    const place = new Place();
    this.#places.push(place);
    this.#asked = "now";
    const slow = setImmediate(() => {
      this.#asked = "long ago";
      this.#parts.batches.wake();
    });
    this.#source
      .next()
      .finally(() => {
        clearImmediate(slow);
        this.#asked = "no";
      })
      .then(
        ({ done, value }) => (done ? this.#end(place, undefined) : this.#admit(place, value)),
        (error: unknown) => this.#end(place, Promise.reject(error as Error)),
      );
  }

  #end(place: Place, last: Promise<never> | undefined): void {
    this.#hasEnded = true;
    place.settle(last);
    this.#parts.batches.wake();
  }

  #admit(place: Place, input: NamedInput): void {
    if (this.hasLeft) return;
    this.#unordered += 1;
    this.#preparing += 1;
    const prepared = this.#prepare(input).finally(() => {
      this.#preparing -= 1;
      this.#advance();
    });
    const before = this.#ordered;
    this.#ordered = prepared
      .finally(() => before)
      .then(
        (picture) => this.#enter(place, picture),
        (error: unknown) => place.settle(Promise.reject(error as Error)),
      )
      .finally(() => {
        this.#unordered -= 1;
        this.#parts.batches.wake();
      });
    this.#advance();
  }

  #enter(place: Place, picture: PreparedPicture | Outcome): void {
    if (!("pixels" in picture)) return place.settle(picture);
    const bytes = picture.pixels.data.byteLength;
    this.#bytes += bytes;
    place.isWaiting = true;
    const settle = (outcome: Promise<Outcome>): void => {
      this.#bytes -= bytes;
      place.isWaiting = false;
      place.settle(outcome);
      this.#advance();
    };
    const { file } = picture;
    const onWritten = (written: WrittenText): void => this.#options.onText?.({ file, ...written });
    this.#parts.batches.add({ caller: this, picture, options: this.#reading, settle, onWritten });
  }

  /** A picture's file to what the model takes, which is small: a decoded picture waits for nobody. */
  async #prepare(input: NamedInput): Promise<PreparedPicture | Outcome> {
    const options = { ...this.#options, signal: this.#signal };
    try {
      return await prepareOne(input, this.#parts.prepare, options);
    } catch (error) {
      const { name } = input;
      if (isRocError(error) && error.code === "OUT_OF_MEMORY") return failed(name, error.code, error.message);
      return failure(name, error);
    }
  }
}

/** A picture's file to what the model takes. @throws RocError naming it */
function prepareOne(
  { name, data }: NamedInput,
  prepare: ImageInputs["prepare"],
  { maxPixels, allowDamaged = false, onPicture, signal }: ScoreOptions,
): Promise<PreparedPicture> {
  const settings: DecodeOptions = {
    name,
    allowDamaged,
    ...(signal && { signal }),
    ...(maxPixels !== undefined && { maxPixels }),
  };
  const prepared = async (picture: StoredImage): Promise<PreparedPicture> => {
    await onPicture?.(name, picture);
    return { file: name, damaged: picture.stored.damaged, pixels: await prepare(picture) };
  };
  return withStoredImage(data, prepared, settings);
}

/** All pictures of a set, which are looked at together. @throws RocError of the first that cannot be read */
export async function prepareAll(
  inputs: ScoreInputs,
  prepare: ImageInputs["prepare"],
  options: ScoreOptions,
): Promise<PreparedPicture[]> {
  const pictures: PreparedPicture[] = [];
  for await (const input of namedInputs(inputs)) pictures.push(await prepareOne(input, prepare, options));
  return pictures;
}

/** What is read of a picture, as plain data that can be sent to a thread, whatever else a caller's objects hold. */
function readingOf({ comments, questions, embedding, onText }: ScoreOptions): ReadingOptions {
  const plain = questions?.map(({ prompt, answer, maxTokens, temperature, seed }) => ({
    ...(prompt !== undefined && { prompt }),
    ...(answer !== undefined && { answer }),
    ...(maxTokens !== undefined && { maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(seed !== undefined && { seed }),
  }));
  return {
    ...(comments !== undefined && { comments: Boolean(comments) }),
    ...(plain && { questions: plain }),
    ...(embedding && { embedding: true }),
    ...(onText && { told: true }),
  };
}

export function abortion(signal: AbortSignal | undefined): RocError {
  return new RocError("ABORTED", "Scoring was cancelled", { cause: signal?.reason });
}
