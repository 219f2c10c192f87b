/**
 * Prepared pictures of all calls on a model, put together into batches. Which pictures share a batch depends on their
 * order and shapes and not on how fast they come, except where a caller's source keeps it waiting.
 */
import { groupBy } from "../data/group-by.js";
import type { WrittenText } from "../roc/question.js";
import type { OnWritten, Outcome, ReadingOptions } from "./types.js";
import type { PreparedPicture } from "./reader.js";

/** What computes batches, on this thread or in a worker. */
export interface BatchReader {
  /** Batches that it may have at a time: one that is computed, and those that wait for that. */
  readonly depth: number;
  /**
   * One outcome a picture, in their order. The pixels become its own.
   *
   * @param signal fires where nobody wants them any more: what is being written ends
   */
  read(
    pictures: readonly PreparedPicture[],
    options: ReadingOptions,
    onWritten: OnWritten,
    signal: AbortSignal,
  ): Promise<Outcome[]>;
}

/** Whose pictures wait, as far as batches have to know. */
export interface Caller {
  /**
   * "more": another picture will come soon; "paused": the next one may take long; "done": none comes before those that wait
   * are computed.
   */
  readonly next: "more" | "paused" | "done";
  /** Whether nobody wants its results any more. */
  readonly hasLeft: boolean;
}

export interface Waiting {
  readonly caller: Caller;
  readonly picture: PreparedPicture;
  readonly options: ReadingOptions;
  readonly onWritten: (written: WrittenText) => void;
  readonly settle: (outcome: Promise<Outcome>) => void;
}

/** A batch that the reader has. */
interface Running {
  readonly batch: readonly Waiting[];
  readonly controller: AbortController;
}

/** How long a batch that is not full waits for a picture that is still read or decoded, in milliseconds. */
const PATIENCE_MS = 2000;

/** Pictures of one shape may be padded to another one's, by at most this part of their area. */
const NEARLY_EQUAL = 1.25;

export class Batches {
  readonly #reader: BatchReader;
  /** In the order in which they came. */
  #waiting: Waiting[] = [];
  readonly #running = new Set<Running>();
  #patience: NodeJS.Timeout | undefined;

  constructor(
    /** Pictures that are computed together, at most. */
    readonly size: number,
    reader: BatchReader,
  ) {
    this.#reader = reader;
  }

  add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.wake();
  }

  /** Looks again, since what a caller says of itself has changed. */
  wake(): void {
    this.#waiting = this.#waiting.filter(({ caller }) => !caller.hasLeft);
    for (const { batch, controller } of this.#running) {
      if (batch.every(({ caller }) => caller.hasLeft)) controller.abort();
    }
    while (this.#running.size < this.#reader.depth) {
      const batch = this.#choose(this.#running.size === 0);
      if (!batch) break;
      this.#start(batch);
    }
    this.#setPatience();
  }

  #start(batch: readonly Waiting[]): void {
    const chosen = new Set(batch);
    this.#waiting = this.#waiting.filter((one) => !chosen.has(one));
    const running = { batch, controller: new AbortController() };
    this.#running.add(running);
    const [{ options } = { options: {} }] = batch;
    const onWritten: OnWritten = (i, written) => batch[i]?.onWritten(written);
    const pictures = batch.map(({ picture }) => picture);
    const outcomes = this.#reader.read(pictures, options, onWritten, running.controller.signal);
    batch.forEach(({ settle }, i) => settle(outcomes.then((all) => all[i] as Outcome)));
    const end = (): void => {
      this.#running.delete(running);
      this.wake();
    };
    outcomes.then(end, end);
  }

  /**
   * The next batch. Of what can go, the oldest goes first, so that no caller waits for ever; a batch that is not full, though,
   * lets full ones of its own caller go before it, so that the order of computing does not decide what is put together.
   */
  #choose(isIdle: boolean): readonly Waiting[] | undefined {
    const groups = [...groupBy(this.#waiting, keyOf).values()];
    const full = groups.find((group) => group.length >= this.size);
    const part = groups.find(([first]) => first && mayGo(first.caller, isIdle));
    const [oldest] = part ?? [];
    const isBefore = full && oldest && this.#waiting.indexOf(oldest) < this.#waiting.indexOf(full[0] as Waiting);
    if (full && !(isBefore && oldest.caller !== full[0]?.caller)) return full.slice(0, this.size);
    return oldest && this.#around(oldest);
  }

  /** A picture with those that it shares a batch with: of its shape, or nearly so. */
  #around(first: Waiting): readonly Waiting[] {
    const [area, asked] = [areaOf(first), optionsOf(first)];
    const fits = (one: Waiting): boolean => {
      const ratio = areaOf(one) / area;
      return Math.max(ratio, 1 / ratio) <= NEARLY_EQUAL && optionsOf(one) === asked;
    };
    return this.#waiting.filter(fits).slice(0, this.size);
  }

  #setPatience(): void {
    const [oldest] = this.#waiting;
    if (!oldest || this.#running.size > 0) {
      clearTimeout(this.#patience);
      this.#patience = undefined;
      return;
    }
    this.#patience ??= setTimeout(() => {
      this.#patience = undefined;
      const [first] = this.#waiting;
      if (first && this.#running.size === 0) this.#start(this.#around(first));
    }, PATIENCE_MS);
  }
}

function mayGo({ next }: Caller, isIdle: boolean): boolean {
  return next === "done" || (next === "paused" && isIdle);
}

function keyOf(one: Waiting): string {
  const { width, height } = one.picture.pixels;
  return `${width} ${height} ${optionsOf(one)}`;
}

function optionsOf({ options }: Waiting): string {
  return JSON.stringify(options);
}

function areaOf({ picture: { pixels } }: Waiting): number {
  return pixels.width * pixels.height;
}
