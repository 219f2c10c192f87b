/**
 * Several processes that compute together: collective operations over c10d (Gloo on the CPU; NCCL between GPUs, where the
 * addon was built with it), joined by the environment variables that `torchrun` sets.
 *
 * Every process must call the same operations in the same order. Where one of them ends, the operations of the others
 * fail; none waits for longer than the time-out.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { deserialize, serialize } from "node:v8";
import { RocError, messageOf } from "../errors.js";
import { fromTypedArray, zeros } from "./create.js";
import { guarded, torchError } from "./call.js";
import { native } from "./native.js";
import { PeerWatch } from "./peer-watch.js";
import { Tensor } from "./tensor.js";

/** Bytes that travel together: PyTorch's size of a bucket. */
const BUCKET_BYTES = 25 * 2 ** 20;
/** As PyTorch's for Gloo, in milliseconds. */
const TIMEOUT = 30 * 60 * 1000;
/** Milliseconds between two looks at it, at first and later. */
const FIRST_LOOK = 1;
const LATER_LOOK = 200;
/** Milliseconds that a process which serves the store stays for the others to learn why it ends. */
const LAST_WORDS = 1000;
const REMEDY = "Start all processes again together: a run resumes from its last state.";

const BACKENDS: readonly Backend[] = ["gloo", "nccl"];
/**
 * What connects the processes: Gloo on the CPU, NCCL between GPUs.
 *
 * @category Several processes
 */
export type Backend = "gloo" | "nccl";
/**
 * How values of several processes become one.
 *
 * @category Several processes
 */
export type Reduction = "sum" | "mean";

/**
 * A process's place among the others.
 *
 * @category Several processes
 */
export interface RankEnvironment {
  /** 0 to worldSize - 1. */
  readonly rank: number;
  /** Number of processes. */
  readonly worldSize: number;
  /** The rank among the processes of this machine; the number of its GPU. */
  readonly localRank: number;
  /** Where the processes find each other. */
  readonly host: string;
  /** Port of {@link host} where the processes find each other. */
  readonly port: number;
  /** Whether rank 0 keeps the store there; else the launcher does. */
  readonly serves: boolean;
  /** Tells the processes of one start from those of another with the same store. */
  readonly attempt: string;
}

/**
 * How {@link initProcessGroup} joins.
 *
 * @category Several processes
 */
export interface GroupOptions {
  /** Default: NCCL for GPUs where the addon has it, Gloo for everything else. "gloo": Gloo for everything. */
  readonly backend?: Backend;
  /** Milliseconds to wait for the others, here and in every operation. Default: `ROC_DISTRIBUTED_TIMEOUT` (seconds), or 30 minutes. */
  readonly timeout?: number;
  /** Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Operations under way. One of the two must be called, once.
 *
 * @category Several processes
 */
export interface Pending {
  /** Blocks until the tensors hold the result. */
  wait(): void;
  /** As {@link wait}, leaving the event loop free. */
  finished(): Promise<void>;
}

/**
 * What this build can connect processes with; empty where libtorch has no c10d with Gloo.
 *
 * @category Several processes
 */
export function availableBackends(): Backend[] {
  return native.distributedBackends().filter((name) => BACKENDS.some((known) => known === name)) as Backend[];
}

/**
 * What torchrun tells a process: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT; undefined outside of it.
 * @throws RocError USAGE where some of them are missing or make no sense
 *
 * @category Several processes
 */
export function rankEnvironment(env: NodeJS.ProcessEnv = process.env): RankEnvironment | undefined {
  if (env["RANK"] === undefined && env["WORLD_SIZE"] === undefined) return undefined;
  const worldSize = wholeOf(env, "WORLD_SIZE", 1, 2 ** 20);
  const rank = wholeOf(env, "RANK", 0, worldSize - 1);
  const host = env["MASTER_ADDR"] ?? "";
  if (host === "") throw missing("MASTER_ADDR", "the host name or address of rank 0");
  const agent = env["TORCHELASTIC_USE_AGENT_STORE"] === "True";
  return {
    ...{ rank, worldSize, host },
    localRank: env["LOCAL_RANK"] === undefined ? 0 : wholeOf(env, "LOCAL_RANK", 0, worldSize - 1),
    port: wholeOf(env, "MASTER_PORT", 1, 65535),
    serves: rank === 0 && !agent,
    attempt: `${env["TORCHELASTIC_RUN_ID"] ?? ""}/${env["TORCHELASTIC_RESTART_COUNT"] ?? "0"}`,
  };
}

function wholeOf(env: NodeJS.ProcessEnv, name: string, least: number, most: number): number {
  const text = env[name] ?? "";
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw missing(name, `a whole number from ${least} to ${most}`, text);
}

function missing(name: string, expected: string, found = ""): RocError {
  const state = found === "" ? "is not set" : `is "${found}"`;
  return new RocError("USAGE", `${name} ${state}; it must be ${expected}. Launch the processes with torchrun.`);
}

/**
 * Joins the group that the environment names; waits for all of its processes. A process is in one group at a time.
 *
 * @throws RocError USAGE outside of torchrun; NATIVE_UNAVAILABLE where this build cannot connect processes or lacks the
 *   backend; TRAINING where the others do not come
 *
 * @category Several processes
 */
export async function initProcessGroup(options: GroupOptions = {}): Promise<ProcessGroup> {
  const { env = process.env } = options;
  const environment = rankEnvironment(env);
  if (environment === undefined) throw missing("RANK", "set by the launcher");
  const nccl = usesNccl(options.backend);
  const timeout = checkTimeout(options.timeout ?? timeoutOf(env));
  const { host, port, rank, worldSize, serves, attempt } = environment;
  using watch = new PeerWatch(env, () => native.giveUpGroup());
  try {
    await native.joinGroup(host, port, rank, worldSize, serves, `roc4mllm/${attempt}`, nccl, timeout);
  } catch (cause) {
    if (watch.gone !== undefined) {
      const message = `Rank ${rank} of ${worldSize}: rank ${watch.gone} has ended before all were together`;
      throw new RocError("TRAINING", `${message}. ${REMEDY}`, { cause });
    }
    const message = `Rank ${rank} of ${worldSize} found not all others at ${host}:${port} within ${timeout / 1000} s`;
    throw new RocError("TRAINING", `${message}: ${firstLine(cause)}. ${REMEDY}`, { cause });
  }
  return new ProcessGroup(environment, timeout);
}

function usesNccl(backend: Backend | undefined): boolean {
  const available = availableBackends();
  if (available.length === 0) {
    throw new RocError(
      "NATIVE_UNAVAILABLE",
      "Training in several processes needs a libtorch that has c10d with Gloo, as the wheels of torch for Linux do; the " +
        'addon was built without. Install such a torch, delete the folder build/ and run "npm run setup".',
    );
  }
  if (backend !== undefined && !available.includes(backend)) {
    throw new RocError("NATIVE_UNAVAILABLE", `This addon has no ${backend}, but ${available.join(", ")}.`);
  }
  return backend !== "gloo" && available.includes("nccl");
}

function timeoutOf(env: NodeJS.ProcessEnv): number {
  const given = env["ROC_DISTRIBUTED_TIMEOUT"];
  return given === undefined ? TIMEOUT : wholeOf(env, "ROC_DISTRIBUTED_TIMEOUT", 1, 2 ** 21) * 1000;
}

/** @throws RocError USAGE */
function checkTimeout(milliseconds: number): number {
  if (Number.isInteger(milliseconds) && milliseconds >= 1 && milliseconds < 2 ** 31) return milliseconds;
  throw new RocError("USAGE", `timeout is ${milliseconds}; give whole milliseconds from 1 to ${2 ** 31 - 1}.`);
}

function firstLine(error: unknown): string {
  return (messageOf(error).split("\n")[0] ?? "").replace(/\.$/, "");
}

/**
 * This process among the others. Made by {@link initProcessGroup}.
 *
 * @category Several processes
 */
export class ProcessGroup {
  /** Of this process, 0 to worldSize - 1. */
  readonly rank: number;
  /** Number of processes. */
  readonly worldSize: number;
  /** The rank among the processes of this machine; the number of its GPU. */
  readonly localRank: number;
  readonly #serves: boolean;
  /** An operation has failed: no other can be trusted. */
  #broken = false;
  #left = false;

  /** Calls of {@link fromFirst} so far. */
  #works = 0;

  constructor(
    environment: RankEnvironment,
    private readonly timeout: number,
  ) {
    this.rank = environment.rank;
    this.worldSize = environment.worldSize;
    this.localRank = environment.localRank;
    this.#serves = environment.serves;
  }

  /** Sums or means over the processes, in place. */
  allReduce(tensors: readonly Tensor[], reduction: Reduction = "sum"): void {
    this.allReduceAsync(tensors, reduction).wait();
  }

  /** As {@link allReduce}; the tensors must not be used before the end. */
  allReduceAsync(tensors: readonly Tensor[], reduction: Reduction = "sum"): Pending {
    const whole = tensors.find(({ dtype }) => reduction === "mean" && !/float/.test(dtype));
    if (whole !== undefined) throw new RocError("USAGE", `A mean of ${whole.dtype} tensors is not defined; sum them.`);
    return this.#pending(`all-reduce of ${tensors.length} tensors`, () =>
      native.groupAllReduce(handlesOf(tensors), reduction === "mean", BUCKET_BYTES),
    );
  }

  /** Copies the tensors of one process into those of all, in place. */
  broadcast(tensors: readonly Tensor[], from = 0): void {
    this.broadcastAsync(tensors, from).wait();
  }

  /** As {@link broadcast}; the tensors must not be used before the end. */
  broadcastAsync(tensors: readonly Tensor[], from = 0): Pending {
    return this.#pending(`broadcast of ${tensors.length} tensors from rank ${from}`, () =>
      native.groupBroadcast(handlesOf(tensors), from, BUCKET_BYTES),
    );
  }

  /** The tensors of all processes by rank, which must have the same shape and dtype. */
  allGather(tensor: Tensor): Tensor[] {
    const operation = "all-gather";
    const [id, handles] = this.attempt(operation, () => native.groupAllGather(tensor.handle));
    this.#waiting(operation, id).wait();
    return handles.map((handle) => new Tensor(handle));
  }

  /** The sum over the processes, cut along the first dimension: the part of this one. */
  reduceScatter(tensor: Tensor): Tensor {
    const operation = "reduce-scatter";
    const [id, handle] = this.attempt(operation, () => native.groupReduceScatter(tensor.handle));
    this.#waiting(operation, id).wait();
    return new Tensor(handle);
  }

  /** Waits until all processes have come here. */
  async barrier(): Promise<void> {
    await this.#pending("barrier", () => native.groupBarrier()).finished();
  }

  /**
   * What rank 0 has worked out, for all of them; the others wait for it outside of any operation, with a free event loop, as
   * long as rank 0 lives: its work, and what it does before, may take longer than the time-out.
   *
   * @param work called by rank 0 alone; its result is anything that a structured clone can hold
   */
  async fromFirst<T>(work: () => T | Promise<T>): Promise<T> {
    const number = ++this.#works;
    if (this.rank > 0) {
      await this.#workOfFirst(number);
      return this.shareFromFirst<T>(undefined as T);
    }
    const value = await work();
    this.attempt("rank 0's work", () => {
      native.groupPublish("first", String(number));
    });
    return this.shareFromFirst(value);
  }

  /** Returns once rank 0 has done its work; fails with it, or the time-out after its last sign of life. */
  async #workOfFirst(number: number): Promise<void> {
    const operation = "waiting for rank 0";
    const look = (key: string): string | null => this.attempt(operation, () => native.groupFind(key));
    let seen: string | null = null;
    let deadline = performance.now() + this.timeout;
    for (let pause = FIRST_LOOK; Number(look("first")) < number; pause = Math.min(2 * pause, this.#laterLook)) {
      const sign = look("alive");
      if (sign !== seen) deadline = performance.now() + this.timeout;
      seen = sign;
      this.attempt(operation, () => {
        if (native.groupFind("failure") !== null) throw new Error("another process has failed");
        if (performance.now() > deadline) throw new Error(`Timed out after ${this.timeout / 1000} s`);
      });
      await sleep(pause);
    }
  }

  get #laterLook(): number {
    return Math.min(LATER_LOOK, this.timeout / 5);
  }

  /** Rank 0's value; see {@link fromFirst}, which does not block. */
  shareFromFirst<T>(value: T): T {
    const bytes = this.rank === 0 ? serialize(value) : new Uint8Array();
    using length = fromTypedArray(Float64Array.of(bytes.length), [1]);
    this.broadcast([length]);
    using data = this.rank === 0 ? fromTypedArray(Uint8Array.from(bytes), [bytes.length]) : bytesOf(length.item());
    this.broadcast([data]);
    // Serialized by our own rank 0.
    return deserialize(data.toArray()) as T;
  }

  /**
   * Leaves the group: once all others do, or at once with a failure, which the others then name when they fail.
   * Never throws, and twice is harmless.
   */
  async destroy(failure?: unknown): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    let ended = false;
    try {
      if (failure !== undefined) await this.#sayWhy(failure);
      else if (!this.#broken) {
        await native.groupFinished(native.groupBarrier());
        ended = true;
      }
    } catch {
      // The others are gone already.
    }
    try {
      native.leaveGroup(ended);
    } catch {
      // The connections are gone all the same.
    }
  }

  /** The process that serves the store stays until the others have read it, or for a short time. */
  async #sayWhy(failure: unknown): Promise<void> {
    if (!this.#broken) native.groupPublish("failure", `Rank ${this.rank} ended: ${messageOf(failure)}`);
    native.groupPublish(`leaves/${this.rank}`, "");
    native.groupDisconnect();
    const others = Array.from({ length: this.worldSize }, (_, rank) => rank).filter((rank) => rank !== this.rank);
    const end = performance.now() + LAST_WORDS;
    while (
      this.#serves &&
      performance.now() < end &&
      others.some((rank) => native.groupFind(`leaves/${rank}`) === null)
    ) {
      await sleep(20);
    }
  }

  #pending(operation: string, start: () => number): Pending {
    return this.#waiting(operation, this.attempt(operation, start));
  }

  #waiting(operation: string, id: number): Pending {
    return {
      wait: () => {
        this.attempt(operation, () => {
          native.groupWait(id);
        });
      },
      finished: () =>
        native.groupFinished(id).catch((error: unknown) => {
          throw this.#failed(operation, error);
        }),
    };
  }

  /** Runs a part of an operation; what it throws names the rank, the operation and the reason of another process. */
  attempt<T>(operation: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw this.#failed(operation, error);
    }
  }

  #failed(operation: string, cause: unknown): RocError {
    const { code } = cause as { code?: unknown };
    // An error of the caller, before anything was sent.
    if (code === "USAGE" || code === "TENSOR_DISPOSED") return torchError(cause, operation);
    this.#broken = true;
    const reason = this.#reason() ?? `Another process has ended or does not answer. ${REMEDY}`;
    const where = `Rank ${this.rank} of ${this.worldSize}: ${operation} failed`;
    return new RocError("TRAINING", `${where}: ${firstLine(cause)}. ${reason}`, { cause });
  }

  /** Why another process has ended, if it has said so. */
  #reason(): string | undefined {
    try {
      return native.groupFind("failure") ?? undefined;
    } catch {
      return undefined;
    }
  }
}

function handlesOf(tensors: readonly Tensor[]): number[] {
  return tensors.map(({ handle }) => handle);
}

function bytesOf(length: number): Tensor {
  return zeros([length], { dtype: "uint8" });
}

/**
 * A tensor whose gradients are summed, or some of its rows `[first, end)`.
 *
 * @category Several processes
 */
export interface SummedGradient {
  /** The trained tensor; its gradient is summed in place. */
  readonly parameter: Tensor;
  /** Rows whose gradient is not 0; absent: all. */
  readonly rows?: readonly [first: number, end: number];
}

/**
 * Gradients summed over the processes in buckets, each sent while backward still makes those of the next.
 *
 * Which gradients a backward makes in several pieces (tied weights with recomputed layers) is learned in the first step,
 * so that its sums are sent at the end only.
 *
 * @category Several processes
 */
export class GradientBuckets {
  readonly #group: ProcessGroup;

  /**
   * Attaches to the parameters of all processes, in the same order; one such object at a time.
   * @param bucketBytes default 25 MiB
   */
  constructor(group: ProcessGroup, gradients: readonly SummedGradient[], bucketBytes = BUCKET_BYTES) {
    this.#group = group;
    const parameters = gradients.map(({ parameter }) => parameter);
    const first = gradients.map(({ rows }) => rows?.[0] ?? 0);
    const count = gradients.map(({ rows }) => (rows === undefined ? -1 : rows[1] - rows[0]));
    guarded("GradientBuckets", [], () => {
      native.attachGradients(handlesOf(parameters), first, count, bucketBytes);
    });
  }

  /** The next backward is the last one of this step: what it leaves is sent. */
  arm(): void {
    guarded("GradientBuckets.arm", [], () => {
      native.armGradients();
    });
  }

  /**
   * Waits for the sums; they are in the gradients then. A parameter that no process has a gradient for gets none.
   * @returns how many buckets were sent before, while backward ran
   */
  finish(): number {
    return this.#group.attempt("sum of the gradients", () => native.finishGradients());
  }

  /** Detaches from the parameters. */
  dispose(): void {
    native.detachGradients();
  }
  /** {@link dispose} at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
