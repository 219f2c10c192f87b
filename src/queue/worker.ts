/** A worker: takes jobs of its checkpoint's queue, scores their pictures, and keeps the results where whoever asks finds them. */
import { createHash, randomUUID } from "node:crypto";
import type { Job, Worker as QueueWorker } from "bullmq";
import type { Redis } from "ioredis";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { failed, isPicturesFault } from "../engine/failures.js";
import type { Model, Outcome } from "../engine/types.js";
import { worthOf } from "../engine/worth.js";
import { isRocError, messageOf } from "../errors.js";
import { DEFAULT_MAX_PIXELS } from "../image/decode.js";
import type { QueueAddress } from "./address.js";
import { Gather, type Scored } from "./gather.js";
import {
  identityOf,
  isDrawn,
  jobSchema,
  keyOf,
  NAMES,
  packResult,
  PREFIX,
  standIn,
  type Asked,
  type JobData,
} from "./job.js";
import { offer } from "./offers.js";
import { connect, queueError, queueLibraries } from "./redis.js";
import { readShared, rootsOf } from "./shared-files.js";
import { GONE, REFUSED } from "./waits.js";

/** Jobs that are read, decoded or computed at a time where the model computes one picture at a time, and batches where several. */
const SINGLES = 4;
const GROUPS = 3;
/** How often a job may be taken over from workers that have died before it is given up: a picture may kill them. */
const TAKEOVERS = 5;
/** Seconds that a failure is kept which may pass by itself. */
const PASSING_SECONDS = 60;
/** How long an ending worker waits for a Redis that is away. */
const AWAY_MS = 5000;
/** Between two looks whether it is back. */
const AWAY_LOOK_MS = 500;

/** In one go, the picture first: what a script writes after it has deleted is taken whatever Redis' memory is. */
const KEEP = `
redis.call("DEL", KEYS[2])
redis.call("SET", KEYS[1], ARGV[1], "EX", ARGV[2], "NX")
redis.call("PUBLISH", ARGV[3], ARGV[4])`;

/** What a worker is made of. */
export interface WorkerOptions {
  /** Computes in a thread of its own, so that locks are renewed meanwhile. It stays the caller's. */
  readonly model: Model;
  readonly address: QueueAddress;
  /** Folders of which jobs may name files. Default: none. */
  readonly roots?: readonly string[] | undefined;
  /** After how many milliseconds without a sign others take over what this worker has taken; default 30,000. */
  readonly takeoverMs?: number | undefined;
  /** Seconds that results are kept; default a day. */
  readonly keepSeconds?: number | undefined;
  /** Pictures with more pixels are refused, whatever is asked; default as {@link DecodeOptions.maxPixels}. */
  readonly maxPixels?: number | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
}

/** What a worker has done, in pictures. */
export interface WorkerSummary {
  /** That have a score. */
  scored: number;
  /** Whose results were there already. */
  known: number;
  /** Without a score, as they are broken. */
  failed: number;
}

/** A worker that takes jobs until it is closed. */
export interface RunningWorker {
  readonly identity: string;
  readonly summary: Readonly<WorkerSummary>;
  /** Takes nothing more and finishes what it has. */
  readonly close: () => Promise<void>;
  /** Leaves what it has to others, after {@link WorkerOptions.takeoverMs}. */
  readonly abandon: () => void;
}

/** Starts a worker. @throws RocError NETWORK, USAGE, CONFIG_INVALID as {@link connect}; FILE_NOT_FOUND for a root */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { address } = options;
  const roots = await rootsOf(options.roots ?? []);
  const redis = await connect(address);
  try {
    return await begin(redis, roots, options);
  } catch (error) {
    redis.disconnect();
    throw isRocError(error) ? error : queueError(error, address);
  }
}

async function begin(redis: Redis, roots: readonly string[], options: WorkerOptions): Promise<RunningWorker> {
  const { model, address, takeoverMs = 30_000, onNote = (): void => undefined } = options;
  const { Worker, UnrecoverableError } = await queueLibraries();
  const identity = identityOf(model);
  const taker = new Taker(redis, identity, { ...options, roots });
  const batch = model.settings?.["batch"];
  const size = typeof batch === "number" ? batch : 1;
  const gather = new Gather(model, size);
  const process = async (job: Job): Promise<void> => {
    try {
      await taker.take(job, gather);
    } catch (error) {
      // Another try would end as this one.
      if (error instanceof Error && (error.message.startsWith(REFUSED) || error.message === GONE)) throw new UnrecoverableError(error.message); // prettier-ignore
      throw error;
    }
  };
  const worker = new Worker(identity, process, {
    connection: redis,
    prefix: PREFIX,
    autorun: false,
    concurrency: size === 1 ? SINGLES : GROUPS * size,
    lockDuration: takeoverMs,
    stalledInterval: Math.max(500, takeoverMs / 2),
    maxStalledCount: TAKEOVERS,
  });
  const notes = new Connection(address, onNote);
  worker.on("error", (error) => notes.lost(error));
  redis.on("ready", () => notes.back());
  redis.on("close", () => notes.lost(new Error("the connection was closed")));
  const withdraw = await offer(redis, { identity, facts: factsOf(model) }, `${hostname()}-${randomUUID()}`);
  void worker.run().catch((error: unknown) => notes.lost(error));
  await worker.waitUntilReady();
  return { identity, summary: taker.summary, ...endings(worker, redis, withdraw, notes) };
}

function endings(worker: QueueWorker, redis: Redis, withdraw: () => Promise<void>, notes: Connection) {
  return {
    close: async (): Promise<void> => {
      notes.isEnding = true;
      const closing = worker.close().then(withdraw);
      closing.catch(() => undefined);
      await Promise.race([closing.catch(() => undefined), away(redis)]);
      leave(worker, redis);
    },
    abandon: (): void => {
      notes.isEnding = true;
      void worker.close(true).catch(() => undefined);
      leave(worker, redis);
    },
  };
}

/** Ends what would keep the process: BullMQ ends its timers once Redis has answered. */
function leave(worker: QueueWorker, redis: Redis): void {
  void worker["lockManager"].close();
  (worker["stalledCheckStopper"] as (() => void) | undefined)?.();
  redis.disconnect();
}

/** Ends once Redis has been away for a while: what a worker has in hand then goes to others, who find it when Redis is back. */
async function away(redis: Redis): Promise<void> {
  for (let since = Date.now(); Date.now() - since < AWAY_MS; await sleep(AWAY_LOOK_MS, undefined, { ref: false })) {
    if (redis.status === "ready") since = Date.now();
  }
}

/** Letters of a message by which two are the same: what the system says of each try follows. */
const SAME = 40;

/** What BullMQ says of a job that another worker has taken over, as this one was silent: its result is kept all the same. */
const TAKEN_OVER = /\block\b|missing key for job/i;

/** Tells each fault of the connection once, and that it is back. */
class Connection {
  isEnding = false;
  #told = "";

  constructor(
    private readonly address: QueueAddress,
    private readonly onNote: (note: string) => void,
  ) {}

  lost(error: unknown): void {
    const { message } = queueError(error, this.address);
    if (this.isEnding || TAKEN_OVER.test(messageOf(error)) || message.slice(0, SAME) === this.#told) return;
    this.#told = message.slice(0, SAME);
    this.onNote(`${message} It is tried again.`);
  }

  back(): void {
    if (this.#told === "") return;
    this.#told = "";
    this.onNote(`Redis at ${this.address.shown} answers again.`);
  }
}

/** What is told of a model: nothing of its machine. */
function factsOf(model: Model) {
  const { name, digest, scale, settings = {}, method, calibration } = model;
  const { demo } = worthOf(model);
  return { name, digest, scale, settings, ...(method && { method }), calibration, isDemo: demo };
}

/** Takes jobs one by one. */
class Taker {
  readonly summary: WorkerSummary = { scored: 0, known: 0, failed: 0 };

  constructor(
    private readonly redis: Redis,
    private readonly identity: string,
    private readonly options: WorkerOptions & { readonly roots: readonly string[] },
  ) {}

  /** @throws Error that begins with {@link REFUSED}, or is {@link GONE}; what the model throws */
  async take(job: Job, gather: Gather): Promise<void> {
    const { key, data } = this.#check(job);
    const asked = data.asked as Asked;
    if ((await this.redis.exists(NAMES.result(this.identity, key))) === 1) {
      this.summary.known += 1;
      await this.redis.publish(NAMES.done(this.identity), key);
      return;
    }
    const { maxPixels: most = DEFAULT_MAX_PIXELS } = this.options;
    const isCapped = (asked.maxPixels ?? DEFAULT_MAX_PIXELS) > most;
    const scored = await this.#score(key, data, isCapped ? { ...asked, maxPixels: most } : asked, gather);
    await this.#keep(key, isCapped ? withCap(scored) : scored, isCapped);
    if ("error" in scored.outcome) this.summary.failed += 1;
    else this.summary.scored += 1;
  }

  /** A job is what its name says, and for this checkpoint: others may write into the queue. */
  #check({ id, data }: Job): { readonly key: string; readonly data: JobData } {
    const parsed = jobSchema.safeParse(data);
    if (!parsed.success || id === undefined) throw new Error(`${REFUSED}A job in the queue is none that this version knows. Let all machines have the same version.`); // prettier-ignore
    const { identity, digest, asked } = parsed.data;
    if (identity !== this.identity) throw new Error(`${REFUSED}The job is for the checkpoint ${identity}, and this worker has ${this.identity}. Start a worker with --model of that one.`); // prettier-ignore
    if (!isDrawn(asked as Asked) && id !== keyOf(identity, digest, asked as Asked)) throw new Error(`${REFUSED}The job's name is not that of its picture and question.`); // prettier-ignore
    return { key: id, data: parsed.data };
  }

  async #score(key: string, { digest, path }: JobData, asked: Asked, gather: Gather): Promise<Scored> {
    try {
      const data = path === undefined ? await this.#bytes(key, digest) : await readShared(path, digest, this.options.roots, standIn(key)); // prettier-ignore
      return await gather.score(standIn(key), data, asked);
    } catch (error) {
      if (!isPicturesFault(error)) throw error;
      return { outcome: failed(standIn(key), error.code, error.message) };
    }
  }

  async #bytes(key: string, digest: string): Promise<Uint8Array> {
    const bytes = await this.redis.getBuffer(NAMES.picture(this.identity, key));
    if (bytes === null) throw new Error(GONE);
    if (createHash("sha256").update(bytes).digest("hex") !== digest) throw new Error("the picture in Redis is not the one that its job names"); // prettier-ignore
    return bytes;
  }

  /** Keeps a result under its name, once: whoever came first stays. Its picture goes. */
  async #keep(key: string, { outcome, ...beside }: Scored, isCapped: boolean): Promise<void> {
    const { keepSeconds = 86_400 } = this.options;
    const seconds = isPassing(outcome, isCapped) ? PASSING_SECONDS : keepSeconds;
    const names = [NAMES.result(this.identity, key), NAMES.picture(this.identity, key)];
    await this.redis.eval(KEEP, 2, ...names, packResult(outcome, beside), seconds, NAMES.done(this.identity), key);
  }
}

/** Whether another worker, or this one later, may score the picture after all. */
function isPassing(outcome: Outcome, isCapped: boolean): boolean {
  const codes = ["OUT_OF_MEMORY", "FILE_NOT_FOUND", "FILE_UNREADABLE", ...(isCapped ? ["IMAGE_TOO_LARGE"] : [])];
  return "error" in outcome && codes.includes(outcome.error.code);
}

/** With the remedy for a picture that is larger than this worker takes, whatever was asked. */
function withCap(scored: Scored): Scored {
  if (!("error" in scored.outcome)) return scored;
  const { code, message } = scored.outcome.error;
  const named = message.replace("(maxPixels, --max-pixels)", "of the workers (worker --max-pixels)");
  return { ...scored, outcome: failed(scored.outcome.file, code, named) };
}
