/** A model whose pictures are scored by workers on other machines: it sends them through a queue and waits. Loads no libtorch. */
import type { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { DEMO_MODEL } from "../engine/demo.js";
import { disposedError, failed, failure } from "../engine/failures.js";
import { countInputs, namedInputs, type NamedInput } from "../engine/inputs.js";
import { checkTypes, SCORE_TYPES } from "../engine/option-types.js";
import { scoreOne } from "../engine/one.js";
import { orAborted, prefetch } from "../engine/prefetch.js";
import type { Model, Outcome, ScoreInput, ScoreInputs, ScoreOptions, ScoreResult } from "../engine/types.js";
import { RocError } from "../errors.js";
import { MemoryBudget, type Lease } from "../image/budget.js";
import { pathOfName, readableName } from "../image/index.js";
import { readFile } from "../image/read.js";
import { contentDigest } from "../library/scan/digest.js";
import { checkQuestions } from "../roc/question.js";
import type { QueueAddress } from "./address.js";
import { keyOf, NAMES, PREFIX, unpackResult, type Asked, type Beside, type JobData } from "./job.js";
import { chooseOffer, workersOf, type Offer } from "./offers.js";
import { connect, isFull, queueLibraries } from "./redis.js";
import { memoryOf } from "./room.js";
import { REFUSED, Waits, whyGivenUp } from "./waits.js";

/** Largest file that travels through Redis. */
const MOST_BYTES = 64 * 2 ** 20;
/** Bytes of pictures that one caller has in Redis at a time, and share of its memory, so that a scan does not fill it. */
const BYTES_AHEAD = 2 ** 28;
const SHARE_AHEAD = 1 / 4;
/** Share of Redis' memory that one picture may take. */
const SHARE_OF_ONE = 1 / 2;
/** What a job takes in Redis beside its picture. */
const JOB_BYTES = 2048;
/** Pictures of a call that are with the workers: enough for a thousand of them with a few each. */
const AHEAD = 8192;
/** Seconds after which a picture is dropped whose job nobody took. It is sent again while its caller waits. */
const PICTURE_SECONDS = 86_400;

/** Failures that are a path's or a worker's, not a picture's. */
const OF_THIS_TRY: ReadonlySet<string> = new Set(["FILE_NOT_FOUND", "FILE_UNREADABLE", "IMAGE_TOO_LARGE"]);

/** How long Redis may take to say what the queue looks like. */
const STATE_MS = 1000;

/** How a queue is used. */
export interface QueueOptions {
  readonly address: QueueAddress;
  /** Which of the offered checkpoints; default: the only one. */
  readonly model?: string | undefined;
  /** Sends paths instead of files, to workers that see the same file system (`worker --root`). Only for paths that are the user's own. */
  readonly byPath?: boolean | undefined;
  /** Asks for perceptual hashes, too: {@link QueuedModel.hashOf}. */
  readonly looks?: boolean | undefined;
  /** Takes questions back whose callers have gone. */
  readonly forgets?: boolean | undefined;
  /** Milliseconds that a question waits for a Redis that is away or full; default: for ever. */
  readonly patienceMs?: number | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
}

/** What a queue looks like. */
export interface QueueState {
  /** Whether Redis answers. */
  readonly up: boolean;
  /** Pictures that no worker has taken yet, that are with workers, and that were given up. */
  readonly waiting: number;
  readonly active: number;
  readonly failed: number;
  /** That are alive. */
  readonly workers: number;
}

/**
 * Opens a queue for one of the checkpoints that workers offer there.
 *
 * @throws RocError NETWORK, CONFIG_INVALID, USAGE as {@link connect}; FILE_NOT_FOUND where no worker has offered the checkpoint
 */
export async function openQueue(options: QueueOptions): Promise<QueuedModel> {
  const redis = await connect(options.address);
  try {
    const offer = await chooseOffer(redis, options.model, options.address.shown);
    const subscriber = redis.duplicate();
    subscriber.on("error", () => undefined);
    const { Queue } = await queueLibraries();
    const queue = new Queue(offer.identity, { connection: redis, prefix: PREFIX });
    queue.on("error", () => undefined);
    const { most } = await memoryOf(redis);
    const model = new QueuedModel(offer, { redis, subscriber, queue }, options, most);
    await model.begin();
    return model;
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

interface Connections {
  readonly redis: Redis;
  readonly subscriber: Redis;
  readonly queue: Queue;
}

export class QueuedModel implements Model {
  readonly name: string;
  readonly scale: Model["scale"];
  readonly digest: Model["digest"];
  readonly settings: NonNullable<Model["settings"]>;
  readonly method?: NonNullable<Model["method"]>;
  readonly calibration: Model["calibration"];
  /** Of the demo weights, which are here, too. */
  readonly folder: string | undefined;
  readonly identity: string;
  readonly #connections: Connections;
  readonly #options: QueueOptions;
  readonly #waits: Waits;
  readonly #budget: MemoryBudget;
  /** Largest file that is sent. */
  readonly #mostBytes: number;
  readonly #hashes = new WeakMap<Outcome, bigint>();
  readonly #disposal = new AbortController();

  /** @param memory bytes that Redis has */
  constructor({ identity, facts }: Offer, connections: Connections, options: QueueOptions, memory: number) {
    this.#budget = new MemoryBudget(Math.min(BYTES_AHEAD, memory * SHARE_AHEAD));
    this.#mostBytes = Math.min(MOST_BYTES, memory * SHARE_OF_ONE);
    [this.name, this.scale, this.digest] = [facts.name, facts.scale, facts.digest];
    [this.settings, this.calibration] = [facts.settings ?? {}, facts.calibration];
    if (facts.method) this.method = facts.method;
    this.folder = facts.isDemo === true ? DEMO_MODEL : undefined;
    this.identity = identity;
    this.#connections = connections;
    this.#options = options;
    const { address, patienceMs = Infinity, onNote = (): void => undefined } = options;
    this.#waits = new Waits(connections.redis, connections.subscriber, connections.queue, { identity, address, patienceMs, onNote }); // prettier-ignore
  }

  async begin(): Promise<void> {
    await clearRefused(this.#connections.queue);
    await this.#waits.begin();
  }

  async *score(inputs: ScoreInputs, options: ScoreOptions = {}): AsyncGenerator<Outcome, void, void> {
    checkTypes("score()", options, SCORE_TYPES);
    checkQuestions(options.questions);
    if (options.onPicture) throw new RocError("USAGE", "score(): onPicture is for models of this machine; workers decode the pictures of a queue."); // prettier-ignore
    const { signal, onProgress } = options;
    const total = countInputs(inputs);
    const source = namedInputs(inputs)[Symbol.asyncIterator]();
    const one = async (input: NamedInput, left: AbortSignal): Promise<Outcome> => {
      const gone = AbortSignal.any([left, this.#disposal.signal, ...(signal ? [signal] : [])]);
      return this.#one(input, options, gone);
    };
    let done = 0;
    const outcomes = prefetch(source, total === undefined ? AHEAD : Math.min(AHEAD, total), one);
    try {
      for (;;) {
        const next = orAborted(outcomes.next(), signal, () => new RocError("ABORTED", "Scoring was stopped."));
        const { value, done: hasEnded } = await orAborted(next, this.#disposal.signal, () => disposedError(this.name));
        if (hasEnded || value === undefined) return;
        onProgress?.(++done, total);
        yield value;
      }
    } finally {
      // It may wait for a worker: nobody waits for that.
      outcomes.return().catch(() => undefined);
    }
  }

  scoreOne(input: ScoreInput, options?: ScoreOptions): Promise<ScoreResult> {
    return scoreOne(this, input, options);
  }

  /** The perceptual hash that came with an outcome: with {@link QueueOptions.looks}. */
  hashOf(outcome: Outcome): bigint | undefined {
    return this.#hashes.get(outcome);
  }

  /** What the queue looks like now. */
  async state(): Promise<QueueState> {
    const { redis, queue } = this.#connections;
    const down = { up: false, waiting: 0, active: 0, failed: 0, workers: 0 };
    if (!this.#waits.isUp) return down;
    const asking = Promise.all([queue.getJobCounts("waiting", "active", "failed"), workersOf(redis, this.identity)]);
    // A Redis that has gone in between answers when it is back.
    const found = await orAborted(asking, AbortSignal.timeout(STATE_MS), () => new Error("late")).catch(() => undefined); // prettier-ignore
    if (!found) return down;
    const [{ waiting = 0, active = 0, failed = 0 }, workers] = found;
    return { up: true, waiting, active, failed, workers };
  }

  dispose(): void {
    if (this.#disposal.signal.aborted) return;
    this.#disposal.abort();
    this.#waits.end(disposedError(this.name));
    this.#connections.subscriber.disconnect();
    this.#connections.redis.disconnect();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  async #one({ name, data }: NamedInput, options: ScoreOptions, gone: AbortSignal): Promise<Outcome> {
    const file = readableName(name);
    using lease = this.#budget.lease();
    try {
      const asked = { ...askedOf(options), ...(this.#options.looks && { look: true }) };
      const { digest, path, bytes } = await this.#contentOf(name, data, lease, gone);
      const key = keyOf(this.identity, digest, asked);
      const job: JobData = { identity: this.identity, digest, ...(path !== undefined && { path }), asked: asked as JobData["asked"] }; // prettier-ignore
      const found = await this.#answer(key, job, bytes, file, gone);
      for (const written of found.written ?? []) options.onText?.({ ...written, file: name });
      const outcome = { ...found.outcome, file: name };
      if (found.hash !== undefined) this.#hashes.set(outcome, found.hash);
      return outcome;
    } catch (error) {
      if (gone.aborted) throw error;
      return failure(name, error);
    }
  }

  async #answer(
    key: string,
    job: JobData,
    bytes: Uint8Array | undefined,
    file: string,
    gone: AbortSignal,
  ): Promise<Beside & { outcome: Outcome }> {
    const forget = (): void => void (this.#options.forgets && this.#waits.forget(key));
    const sending = { bytes: JOB_BYTES + (bytes?.length ?? 0), send: () => this.#send(key, job, bytes) };
    gone.throwIfAborted();
    gone.addEventListener("abort", forget, { once: true });
    try {
      const asking = this.#waits.ask(key, sending);
      const answer = await orAborted(asking, gone, () => new RocError("ABORTED", "Nobody waits any more."));
      if ("text" in answer) return await this.#taken(key, unpackResult(answer.text, key, file));
      const { code, message } = whyGivenUp(answer.givenUp, file);
      return { outcome: failed(file, code, message) };
    } finally {
      gone.removeEventListener("abort", forget);
    }
  }

  /** A failure that another path or another worker would not give is no result of the picture: who asks again is not told it. */
  async #taken<Found extends { outcome: Outcome }>(key: string, found: Found): Promise<Found> {
    if ("error" in found.outcome && OF_THIS_TRY.has(found.outcome.error.code))
      await this.#connections.redis.unlink(NAMES.result(this.identity, key));
    return found;
  }

  async #send(key: string, job: JobData, bytes: Uint8Array | undefined): Promise<void> {
    const { redis, queue } = this.#connections;
    const picture = NAMES.picture(this.identity, key);
    if (bytes) await redis.set(picture, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), "EX", PICTURE_SECONDS); // prettier-ignore
    try {
      await queue.add("score", job, jobOptions(key));
    } catch (error) {
      // No worker takes a picture without a job.
      if (bytes && isFull(error)) await redis.unlink(picture);
      throw error;
    }
  }

  async #checkSize(path: string): Promise<void> {
    const found = await stat(pathOfName(path)).catch(() => undefined);
    if (found?.isFile() === true && found.size > this.#mostBytes) throw this.#tooLarge(readableName(path));
  }

  #tooLarge(file: string): RocError {
    const size = `${(this.#mostBytes / 2 ** 20).toFixed(1).replace(/\.0$/, "")} MiB`;
    const why = this.#mostBytes < MOST_BYTES ? "this queue, as its Redis has little memory (maxmemory)" : "a queue";
    const remedy = "Score it on this machine (library scan --retry), or let workers read it themselves (library scan --by-path --retry, worker --root)"; // prettier-ignore
    return new RocError("IMAGE_TOO_LARGE", `${file}: has more than ${size}, which is too large for ${why}. ${remedy}.`);
  }

  /** A picture's content: its digest with its bytes, or with where workers find it. */
  async #contentOf(name: string, data: NamedInput["data"], lease: Lease, signal: AbortSignal) {
    if (this.#options.byPath === true && typeof data === "string") {
      const path = resolve(data);
      return { digest: (await contentDigest(path, signal)).toString("hex"), path, bytes: undefined };
    }
    if (typeof data === "string") await this.#checkSize(data);
    const { bytes } = await readFile(data, { name: readableName(name), signal, lease });
    if (bytes.length > this.#mostBytes) throw this.#tooLarge(readableName(name));
    return { digest: createHash("sha256").update(bytes).digest("hex"), path: undefined, bytes };
  }
}

/** A job is tried again where a worker throws; one that has ended is gone, as its result is kept. */
function jobOptions(jobId: string) {
  const backoff = { type: "fixed", delay: 1000 } as const;
  return { jobId, attempts: 3, backoff, removeOnComplete: true, removeOnFail: { age: PICTURE_SECONDS, count: 10_000 } };
}

/** What is asked of the workers. */
function askedOf({ maxPixels, allowDamaged, comments, embedding, questions, onText }: ScoreOptions): Asked {
  return {
    ...(maxPixels !== undefined && { maxPixels }),
    ...(allowDamaged === true && { allowDamaged }),
    ...(comments === true && { comments }),
    ...(embedding === true && { embedding }),
    ...(questions && { questions: questions.map((question) => ({ ...question })) }),
    ...(onText && { told: true }),
  };
}

/** Jobs that were refused stay as such, and would be answered so again, although workers may take them by now. */
async function clearRefused(queue: Queue): Promise<void> {
  // What others have written there may be no job.
  const given = await queue.getFailed().catch(() => []);
  const refused = given.filter((job) => job?.failedReason?.startsWith(REFUSED));
  await Promise.all(refused.map(({ id = "" }) => queue.remove(id)));
}
