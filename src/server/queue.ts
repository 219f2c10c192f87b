/** Pictures that wait for the model: a bounded number of them, put together into batches, each of which its client may leave. */
import { randomUUID } from "node:crypto";
import type { Model, NamedImage, ScoreFailure, ScoreOptions, ScoreResult } from "../engine/index.js";
import { RocError } from "../errors.js";
import { inWords, Refusal } from "./errors.js";
import type { ServerLimits } from "./options.js";

/** What is asked about a picture. */
export type Asked = Pick<ScoreOptions, "comments" | "embedding" | "questions" | "onText">;

type Outcome = ScoreResult | ScoreFailure;

/** Told what happens, for the metrics. */
export interface QueueWatcher {
  readonly batch: (pictures: number) => void;
  readonly outcome: (outcome: Outcome) => void;
}

interface Job {
  readonly picture: NamedImage;
  readonly asked: Asked;
  readonly key: string;
  readonly since: number;
  readonly signal: AbortSignal;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Batches that are with the model at a time where it computes one picture at a time: others are read and decoded meanwhile. */
const SINGLES = 4;
/** The same where it computes several together. */
const GROUPS = 3;
/** How much the latest picture counts in the seconds that one takes. */
const WEIGHT = 0.1;

/** The part of a request in the queue's limits, from its headers to its answer. */
export class Visit {
  pictures = 1;
  #hasLeft = false;

  constructor(
    private readonly queue: ScoringQueue,
    readonly bytes: number,
  ) {}

  /** Once it is known how many pictures there are. @throws Refusal 429 */
  expect(pictures: number): void {
    this.queue.expect(this, pictures);
  }

  /** Gives its part back. Twice is harmless. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.queue.release(this);
  }
}

export class ScoringQueue {
  readonly #model: Model;
  readonly #limits: ServerLimits;
  readonly #watcher: QueueWatcher;
  /** Pictures that the model computes together. */
  readonly #size: number;
  /** Batches that are with the model at a time. */
  readonly #lanes: number;
  #waiting: Job[] = [];
  #running = 0;
  #computed = 0;
  #held = 0;
  #bytes = 0;
  #secondsEach = 0.1;
  #timer: NodeJS.Timeout | undefined;

  /** @param ahead pictures that are sent at a time where others compute them, and put them together themselves */
  constructor(model: Model, limits: ServerLimits, watcher: QueueWatcher, ahead?: number) {
    this.#model = model;
    this.#limits = limits;
    this.#watcher = watcher;
    const batch = model.settings?.["batch"];
    this.#size = typeof batch === "number" && ahead === undefined ? batch : 1;
    this.#lanes = ahead ?? (this.#size === 1 ? SINGLES : GROUPS);
  }

  /** Pictures that wait; those with the model are not among them. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Pictures that are with the model: read, decoded or computed. */
  get computing(): number {
    return this.#computed;
  }

  /**
   * Takes a request in, before its body is read.
   *
   * @param bytes of its body
   * @throws Refusal 429
   */
  enter(bytes: number): Visit {
    const { queue, queueBytes } = this.#limits;
    if (this.#held >= queue) throw this.#full("pictures wait");
    // A body that is as large as everything together is taken alone.
    if (this.#bytes > 0 && this.#bytes + bytes > queueBytes) throw this.#full("megabytes wait");
    this.#held += 1;
    this.#bytes += bytes;
    return new Visit(this, bytes);
  }

  expect(visit: Visit, pictures: number): void {
    const more = pictures - visit.pictures;
    const others = this.#held - visit.pictures;
    if (more > 0 && others > 0 && others + pictures > this.#limits.queue) throw this.#full("pictures wait");
    this.#held += more;
    visit.pictures = pictures;
  }

  release({ pictures, bytes }: Visit): void {
    this.#held -= pictures;
    this.#bytes -= bytes;
  }

  /** The outcomes of pictures in their order; of those that are failures already, these. */
  scoreAll(pictures: readonly (NamedImage | ScoreFailure)[], asked: Asked, signal: AbortSignal): Promise<Outcome[]> {
    return Promise.all(pictures.map(async (one) => ("error" in one ? one : this.score(one, asked, signal))));
  }

  /**
   * A picture's outcome.
   *
   * @param signal of a client that goes away
   * @throws RocError ABORTED where it has gone; what the model throws
   */
  score(picture: NamedImage, asked: Asked, signal: AbortSignal): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(gone());
      const job: Job = {
        picture,
        asked,
        key: keyOf(asked),
        since: performance.now(),
        signal,
        resolve,
        reject,
      };
      signal.addEventListener("abort", () => this.#drop(job), { once: true });
      this.#waiting.push(job);
      this.#pump();
    });
  }

  #drop(job: Job): void {
    const at = this.#waiting.indexOf(job);
    if (at >= 0) this.#waiting.splice(at, 1);
    job.reject(gone());
  }

  #pump(): void {
    while (this.#running < this.#lanes && this.#waiting.length > 0) {
      const group = this.#gather();
      if (!group) break;
      void this.#run(group);
    }
  }

  /** The next batch: the oldest picture with those that are asked the same; undefined while others are waited for. */
  #gather(): readonly Job[] | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    const group = this.#waiting.filter(({ key }) => key === first.key).slice(0, this.#size);
    const left = first.since + this.#limits.gatherMs - performance.now();
    if (group.length < this.#size && left > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#pump();
      }, left);
      return undefined;
    }
    const chosen = new Set(group);
    this.#waiting = this.#waiting.filter((job) => !chosen.has(job));
    return group;
  }

  async #run(group: readonly Job[]): Promise<void> {
    this.#running += 1;
    this.#computed += group.length;
    this.#watcher.batch(group.length);
    const started = performance.now();
    let done = 0;
    try {
      const [{ asked } = { asked: {} }] = group;
      const options = { ...asked, maxPixels: this.#limits.pixels, signal: allGone(group) };
      for await (const outcome of this.#model.score(
        group.map(({ picture }) => picture),
        options,
      )) {
        this.#watcher.outcome(outcome);
        group[done++]?.resolve(spoken(outcome));
        this.#computed -= 1;
      }
      const seconds = (performance.now() - started) / 1000 / group.length / this.#running;
      this.#secondsEach += WEIGHT * (seconds - this.#secondsEach);
    } catch (error) {
      this.#computed -= group.length - done;
      for (const { reject } of group.slice(done)) reject(error);
    } finally {
      this.#running -= 1;
      this.#pump();
    }
  }

  #full(what: string): Refusal {
    const seconds = Math.min(60, Math.max(1, Math.ceil(this.#secondsEach * this.#held)));
    const message = `Too many ${what} already. Try again in ${seconds} s.`;
    return new Refusal(429, "IN_USE", message, { "retry-after": `${seconds}` });
  }
}

/** Pictures of the same key are computed together: what is written as it comes is for one client alone. */
function keyOf(asked: Asked): string {
  return asked.onText ? randomUUID() : JSON.stringify(asked);
}

/** Fires once nobody wants any of a batch's outcomes. */
function allGone(group: readonly Job[]): AbortSignal {
  const controller = new AbortController();
  const look = (): void => {
    if (group.every(({ signal }) => signal.aborted)) controller.abort();
  };
  for (const { signal } of group) signal.addEventListener("abort", look, { once: true });
  look();
  return controller.signal;
}

/** With a failure in the words of requests. */
function spoken(outcome: Outcome): Outcome {
  if (!("error" in outcome)) return outcome;
  const { code, message } = outcome.error;
  return { ...outcome, error: { code, message: inWords(message) } };
}

function gone(): RocError {
  return new RocError("ABORTED", "The client has gone.");
}
