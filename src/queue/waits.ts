/** Results that somebody waits for: told by workers, and looked for where a word was lost, as when Redis was started again. */
import type { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, RocError } from "../errors.js";
import type { QueueAddress } from "./address.js";
import { NAMES } from "./job.js";
import { queueError } from "./redis.js";
import { isWithoutRoom, Room } from "./room.js";

/** How often results are looked for that nobody told of, and how old a question is then. */
const LOOK_MS = 2000;
/** How long a Redis that keeps its connection may be silent before it counts as away. */
const SILENT_MS = 3000;
/** Questions that are looked at together, the oldest first. */
const LOOK_AT = 200;
/** Between two tries to send where Redis has no memory. */
const FULL_MS = 500;
/** Results that are remembered as received, to make room in a full Redis, and how many go at a time. */
const MOST_RECEIVED = 50_000;
const DROP_AT_ONCE = 1000;

/** What begins the reason of a job that no worker takes: not this picture is at fault, but how workers were started. */
export const REFUSED = "refused: ";

/** How a question ended: the result's text, or why the queue has given it up. */
export type Answer = { readonly text: string } | { readonly givenUp: string };

interface Wait {
  readonly promise: Promise<Answer>;
  readonly settle: (answer: Answer) => void;
  readonly fail: (error: unknown) => void;
  readonly sending: Sending;
  /** How many have asked and not gone. */
  holders: number;
  since: number;
  isSent: boolean;
}

/** How a question is sent. */
export interface Sending {
  /** What it takes in Redis. */
  readonly bytes: number;
  readonly send: () => Promise<void>;
}

/** What a caller of a queue may say. */
export interface WaitOptions {
  readonly identity: string;
  readonly address: QueueAddress;
  /** How long a question waits for a Redis that does not answer or has no memory; it then fails. */
  readonly patienceMs: number;
  readonly onNote: (note: string) => void;
}

export class Waits {
  readonly #waiting = new Map<string, Wait>();
  readonly #told = new Set<string>();
  #isFetching = false;
  #downSince: number | undefined;
  /** Questions that are with the workers. */
  #sent = 0;
  #hasEnded = false;
  readonly #received = new Set<string>();
  readonly #room: Room;
  #timer: NodeJS.Timeout;
  #isLooking = false;
  #isPinged = false;

  constructor(
    private readonly redis: Redis,
    private readonly subscriber: Redis,
    private readonly queue: Queue,
    private readonly options: WaitOptions,
  ) {
    const { address, onNote } = options;
    const isAlone = (): boolean => this.#sent === 0;
    this.#room = new Room(redis, { address, onNote, isAlone, makeRoom: (isFull) => this.#makeRoom(isFull) });
    subscriber.on("message", (_channel: string, key: string) => this.#hear(key));
    redis.on("close", () => this.#lose());
    redis.on("ready", () => this.#regain());
    this.#timer = setInterval(() => (void this.#ping(), void this.#look()), LOOK_MS);
    this.#timer.unref();
  }

  /** Begins to listen. */
  async begin(): Promise<void> {
    await this.subscriber.subscribe(NAMES.done(this.options.identity));
  }

  /** Whether Redis answers. */
  get isUp(): boolean {
    return this.#downSince === undefined;
  }

  /**
   * The answer to a question, sent where it is not known. Who asks the same meanwhile waits for the same.
   *
   * @throws RocError NETWORK, OUT_OF_MEMORY after the patience
   */
  ask(key: string, sending: Sending): Promise<Answer> {
    const known = this.#waiting.get(key);
    if (known) {
      known.holders += 1;
      return known.promise;
    }
    const { promise, resolve, reject } = withResolvers<Answer>();
    promise.catch(() => undefined);
    const wait: Wait = {
      ...{ promise, sending, holders: 1, since: Date.now(), isSent: false },
      settle: (answer) => (this.#remove(key, wait), resolve(answer)),
      fail: (error) => (this.#remove(key, wait), reject(error as Error)),
    };
    this.#waiting.set(key, wait);
    if (this.#isPatienceOver()) wait.fail(this.#unreachable());
    else this.#begin(key, wait).catch((error: unknown) => wait.fail(queueError(error, this.options.address)));
    return promise;
  }

  /** One who has asked goes. A question that nobody waits for any more is taken back, where no worker has begun with it. */
  async forget(key: string): Promise<void> {
    const wait = this.#waiting.get(key);
    if (!wait || --wait.holders > 0) return;
    this.#remove(key, wait);
    if (!this.isUp) return;
    await this.queue.remove(key).catch(() => undefined);
    await this.redis.del(NAMES.picture(this.options.identity, key)).catch(() => undefined);
  }

  /** Ends everything that is waited for. */
  end(error: Error): void {
    this.#hasEnded = true;
    clearInterval(this.#timer);
    for (const { fail } of [...this.#waiting.values()]) fail(error);
  }

  async #begin(key: string, wait: Wait): Promise<void> {
    const text = await this.redis.get(NAMES.result(this.options.identity, key));
    if (text !== null) return this.#receive(key, text);
    await this.#send(key, wait);
  }

  #receive(key: string, text: string): void {
    if (this.#received.size < MOST_RECEIVED) this.#received.add(key);
    this.#waiting.get(key)?.settle({ text });
  }

  /** Not where somebody has asked the same anew meanwhile. */
  #remove(key: string, wait: Wait): void {
    if (this.#waiting.get(key) !== wait) return;
    this.#mark(wait, false);
    this.#waiting.delete(key);
  }

  #mark(wait: Wait, isSent: boolean): void {
    this.#sent += Number(isSent) - Number(wait.isSent);
    wait.isSent = isSent;
  }

  /** Sends a question, when there is room. */
  async #send(key: string, wait: Wait): Promise<void> {
    const { bytes, send } = wait.sending;
    const began = Date.now();
    while (this.#waiting.get(key) === wait) {
      try {
        await this.#room.put(bytes, send);
        wait.since = Date.now();
        if (this.#waiting.get(key) === wait) this.#mark(wait, true);
        return;
      } catch (error) {
        if (!isWithoutRoom(error)) throw error;
        if (Date.now() - began > this.options.patienceMs) throw withoutRoom();
        await sleep(FULL_MS);
      }
    }
  }

  /**
   * Drops the results that were received, which were kept for who asks the same later. Where nothing fits any more, workers
   * cannot take jobs either: half of the pictures come back, and are sent again once their jobs have told that they lack them.
   */
  async #makeRoom(isFull: boolean): Promise<void> {
    const { identity } = this.options;
    const keys = [...this.#received].map((key) => NAMES.result(identity, key));
    this.#received.clear();
    if (isFull) {
      const sent = [...this.#waiting].filter(([, { isSent }]) => isSent);
      keys.push(...sent.slice(sent.length / 2).map(([key]) => NAMES.picture(identity, key)));
    }
    for (let at = 0; at < keys.length; at += DROP_AT_ONCE) await this.redis.unlink(keys.slice(at, at + DROP_AT_ONCE));
  }

  #hear(key: string): void {
    if (!this.#waiting.has(key)) return;
    this.#told.add(key);
    if (this.#isFetching) return;
    this.#isFetching = true;
    // Those that come in the same turn are fetched together.
    setImmediate(() => {
      this.#isFetching = false;
      const keys = [...this.#told];
      this.#told.clear();
      void this.#fetch(keys).catch(() => undefined);
    });
  }

  /** Settles those whose results are there. @returns the others */
  async #fetch(keys: readonly string[]): Promise<string[]> {
    if (keys.length === 0) return [];
    const texts = await this.redis.mget(keys.map((key) => NAMES.result(this.options.identity, key)));
    return keys.filter((key, at) => {
      const text = texts[at] ?? null;
      if (text !== null) this.#receive(key, text);
      return text === null;
    });
  }

  /** A Redis that is frozen, or behind a line that drops everything, keeps its connection: it is away while it does not answer. */
  async #ping(): Promise<void> {
    if (this.#isPinged) return;
    this.#isPinged = true;
    const silent = setTimeout(() => this.#lose(), SILENT_MS);
    silent.unref();
    try {
      await this.redis.ping();
      this.#regain();
    } catch {
      // Its connection has told.
    } finally {
      clearTimeout(silent);
      this.#isPinged = false;
    }
  }

  /** Looks for results and losses that nobody has told of. */
  async #look(): Promise<void> {
    if (this.#isPatienceOver()) {
      for (const { fail } of [...this.#waiting.values()]) fail(this.#unreachable());
      return;
    }
    if (!this.isUp || this.#isLooking) return;
    this.#isLooking = true;
    try {
      const isOld = ([, { isSent, since }]: [string, Wait]): boolean => isSent && Date.now() - since >= LOOK_MS;
      const old = [...this.#waiting].filter(isOld).slice(0, LOOK_AT);
      const left = await this.#fetch(old.map(([key]) => key));
      await Promise.all(left.map((key) => this.#lookAt(key)));
    } catch {
      // Redis is away again, or busy: there is another look.
    } finally {
      this.#isLooking = false;
    }
  }

  /** A question without a result: its job waits, is computed, has failed, or is gone with a Redis that kept nothing. */
  async #lookAt(key: string): Promise<void> {
    const state = await this.queue.getJobState(key);
    const wait = this.#waiting.get(key);
    if (!wait) return;
    // Behind those that have not been looked at.
    this.#waiting.delete(key);
    this.#waiting.set(key, wait);
    wait.since = Date.now();
    if (state === "failed") {
      const reason = (await this.queue.getJob(key))?.failedReason ?? "";
      await this.queue.remove(key);
      if (reason !== GONE) return wait.settle({ givenUp: reason });
    } else if (state !== "unknown" && state !== "completed") return;
    // It may have ended between the two looks.
    const [missing] = await this.#fetch([key]);
    if (missing !== undefined && this.#waiting.get(key) === wait) this.#sendAgain(key, wait);
  }

  /** It counts as not sent meanwhile, so that a sole picture may fill what is left; the other questions are looked at beside it. */
  #sendAgain(key: string, wait: Wait): void {
    this.#mark(wait, false);
    this.#send(key, wait).catch((error: unknown) => {
      if (isWithoutRoom(error)) return wait.fail(error);
      // Redis is away again: whether it came through is looked for once it is back.
      if (this.#waiting.get(key) === wait) this.#mark(wait, true);
    });
  }

  #lose(): void {
    if (this.#downSince !== undefined || this.#hasEnded) return;
    this.#downSince = Date.now();
    this.options.onNote(`Redis at ${this.options.address.shown} does not answer; it is tried again.`); // prettier-ignore
  }

  #regain(): void {
    if (this.#downSince === undefined) return;
    this.#downSince = undefined;
    this.options.onNote(`Redis at ${this.options.address.shown} answers again.`);
    for (const wait of this.#waiting.values()) wait.since = 0;
    void this.#look();
  }

  #isPatienceOver(): boolean {
    return this.#downSince !== undefined && Date.now() - this.#downSince > this.options.patienceMs;
  }

  #unreachable(): RocError {
    return new RocError("NETWORK", "The queue does not answer. Nothing is lost: try again once its Redis is back.");
  }
}

/** For who asks, who is not told where the queue is. */
function withoutRoom(): RocError {
  return new RocError("OUT_OF_MEMORY", "The queue has no room left. Try again once workers have caught up.");
}

/** Why a job fails whose picture has expired: it is sent again. */
export const GONE = "its picture is not there any more";

/** `Promise.withResolvers()`, which Node 20 lacks. */
function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: Error) => void;
} {
  let [resolve, reject]: [(value: T) => void, (error: Error) => void] = [() => undefined, () => undefined];
  const promise = new Promise<T>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}

/** A job's end in our words. @throws RocError USAGE where workers refuse all of this caller's jobs */
export function whyGivenUp(reason: string, file: string): { code: "OUT_OF_MEMORY" | "INTERNAL"; message: string } {
  if (reason.startsWith(REFUSED)) throw new RocError("USAGE", messageOf(reason.slice(REFUSED.length)));
  if (/stalled/.test(reason))
    return { code: "OUT_OF_MEMORY", message: `${file}: several workers ended while they scored it; it may need more memory than they have.` }; // prettier-ignore
  return { code: "INTERNAL", message: `${file}: the worker failed: ${reason}` };
}
