/** A model in a worker, as its callers have it. Loads no libtorch. */
import { SHARE_ENV, Worker, type TransferListItem, type WorkerOptions } from "node:worker_threads";
import { systemFacts } from "../baselines/facts.js";
import { isOutOfMemory, isRocError, messageOf, RocError } from "../errors.js";
import { loadSharp } from "../image/index.js";
import { factsOf } from "../models/families.js";
import { packCheckpoint, type CheckpointFolder } from "../models/places.js";
import { chosenThreads } from "../torch/cores.js";
import type { BatchReader } from "./batches.js";
import { disposedError, loadingAborted } from "./failures.js";
import type { LoadOptions } from "./load.js";
import { orAborted } from "./prefetch.js";
import { ScoringModel, type Works } from "./scoring-model.js";
import type { PreparedPicture } from "./reader.js";
import type { OnWritten, SetAnswer, SetAsking } from "./types.js";
import { sentOptions, unpackError, type FromWorker, type ToWorker } from "./wire.js";

/** Ends the threads of models that nobody has any more. */
const forgotten = new FinalizationRegistry<ModelThread>((thread) => thread.dispose());

/** Loads a checkpoint in a worker. @throws RocError as `load()` */
export async function loadRemote(folder: CheckpointFolder, options: LoadOptions): Promise<ScoringModel> {
  const { signal, onNote } = options;
  const thread = new ModelThread(onNote);
  try {
    const opening = (async () =>
      thread.open({ type: "open", checkpoint: await packCheckpoint(folder), options: sentOptions(options) }))();
    // What takes a while to load on this side, too.
    loadSharp().catch(() => undefined);
    const { facts, steps } = await orAborted(opening, signal, () => loadingAborted(signal, folder.path));
    const { family } = facts.method;
    const prepare = await (systemFacts(family) ?? factsOf(family))?.prepareBy?.(steps);
    if (!prepare) throw new RocError("INTERNAL", `There is no prepareBy() of ${family}.`);
    const reader = thread.reader(facts.name);
    const model = new ScoringModel(facts, {
      ...{ reader, prepare, lost: thread.lost },
      explain: (request, signal) => thread.explain(request, signal),
      judge: (pictures, asking) => thread.judge(pictures, asking),
      dispose: () => thread.dispose(),
    });
    forgotten.register(model, thread);
    return model;
  } catch (error) {
    thread.end();
    throw error;
  }
}

interface Asked {
  readonly resolve: (message: FromWorker) => void;
  readonly reject: (error: Error) => void;
  readonly onWritten?: OnWritten | undefined;
}

/** The worker thread, which keeps the process only while something is asked of it. */
class ModelThread {
  readonly #worker: Worker;
  /** What was asked and not answered, by its number; 0 is the opening. */
  readonly #asked = new Map<number, Asked>();
  #count = 0;
  #name = "";
  #isDisposed = false;
  /** Why it has ended. */
  #fault: Error | undefined;
  readonly #loss = new AbortController();

  /** @param onNote told from the opening on */
  constructor(private readonly onNote: LoadOptions["onNote"]) {
    // The environment is shared, so that what libtorch's libraries read from it when they are loaded can be set.
    // Of Node's own flags none is meant for it: `--import` would run a program's modules twice, `--input-type` takes no file.
    const settings: WorkerOptions = { name: "roc4mllm model", env: SHARE_ENV, execArgv: [] };
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), settings);
    this.#worker.unref();
    this.#worker.on("message", (message: FromWorker) => this.#take(message));
    this.#worker.on("messageerror", (error: unknown) => this.#fail(error));
    this.#worker.on("error", (error: unknown) => this.#fail(error));
    this.#worker.on("exit", (code) => this.#fail(new Error(`it ended with code ${code}`)));
  }

  /** As {@link Model.lost}. */
  get lost(): AbortSignal {
    return this.#loss.signal;
  }

  async open(message: ToWorker & { type: "open" }): Promise<FromWorker & { type: "opened" }> {
    const answer = await this.#ask(0, message);
    if (answer.type === "refused") throw unpackError(answer.error);
    return answer as FromWorker & { type: "opened" };
  }

  /** @param name of the model, for messages */
  reader(name: string): BatchReader {
    this.#name = name;
    return {
      // One that is computed, and one that waits for that, so that the worker need not wait for this thread.
      depth: 2,
      read: async (pictures, options, onWritten, signal) => {
        const threads = chosenThreads();
        const buffers = pictures.flatMap(({ pixels: { data } }) => (isWhole(data) ? [data.buffer] : []));
        const stop = stopOf(signal);
        const asking = (id: number): ToWorker => ({ type: "read", id, pictures, options, threads, stop });
        const answer = await this.#call(asking, buffers, onWritten);
        return answer.type === "outcomes" ? [...answer.outcomes] : [];
      },
    };
  }

  readonly explain: Works["explain"] = async (request, signal) => {
    const stop = stopOf(signal);
    const answer = await this.#call((id) => ({ type: "explain", id, request, threads: chosenThreads(), stop }));
    if (answer.type === "explained") return answer.map;
    throw new RocError("INTERNAL", answer.type);
  };

  /** What the model says of pictures in one prompt. */
  async judge(pictures: readonly PreparedPicture[], asking: SetAsking): Promise<SetAnswer> {
    const answer = await this.#call((id) => ({ type: "judge", id, pictures, asking, threads: chosenThreads() }));
    if (answer.type === "judged") return answer.answer;
    throw new RocError("INTERNAL", answer.type);
  }

  /** Frees the weights and ends the thread, behind what it is computing. */
  dispose(): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    if (this.#fault === undefined) this.#worker.postMessage({ type: "dispose" } satisfies ToWorker);
    // What was asked has ended with the model: a process that waits for an answer alone would end in the middle.
    for (const { reject } of this.#asked.values()) reject(disposedError(this.#name));
    this.#asked.clear();
    this.#worker.unref();
  }

  /** At once. */
  end(): void {
    this.#isDisposed = true;
    void this.#worker.terminate();
  }

  /** Asks for work under a number of its own. @throws what the worker says; RocError for a model that is disposed */
  async #call(
    asking: (id: number) => ToWorker,
    buffers: readonly ArrayBuffer[] = [],
    onWritten?: OnWritten,
  ): Promise<FromWorker> {
    if (this.#isDisposed) throw disposedError(this.#name);
    const id = ++this.#count;
    const answer = await this.#ask(id, asking(id), buffers, onWritten);
    if (answer.type === "failed") throw this.#seen(unpackError(answer.error));
    return answer;
  }

  #ask(
    id: number,
    message: ToWorker,
    buffers: readonly ArrayBuffer[] = [],
    onWritten?: OnWritten,
  ): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      if (this.#fault) return reject(this.#fault);
      post(this.#worker, message, buffers);
      this.#asked.set(id, { resolve, reject, onWritten });
      this.#worker.ref();
    });
  }

  #take(message: FromWorker): void {
    if (message.type === "note") return this.onNote?.(message.text);
    const id = "id" in message ? message.id : 0;
    const asked = this.#asked.get(id);
    if (message.type === "written") return asked?.onWritten?.(message.picture, message.written);
    this.#asked.delete(id);
    if (this.#asked.size === 0) this.#worker.unref();
    asked?.resolve(message);
  }

  /** An error on its way: of a GPU that has failed, everything that comes will have it. */
  #seen(error: Error): Error {
    if (isRocError(error) && error.code === "DEVICE_LOST") this.#loss.abort(error);
    return error;
  }

  #fail(cause: unknown): void {
    const short =
      (cause as { code?: unknown } | undefined)?.code === "ERR_WORKER_OUT_OF_MEMORY" || isOutOfMemory(cause);
    const [code, remedy] = short ? (["OUT_OF_MEMORY", "Take a smaller model or batch"] as const) : (["INTERNAL", "Load the model again"] as const); // prettier-ignore
    this.#fault ??= new RocError(code, `The thread of the model has ended: ${messageOf(cause)}. ${remedy}.`, { cause });
    for (const { reject } of this.#asked.values()) reject(this.#fault);
    this.#asked.clear();
    if (!this.#isDisposed) this.#loss.abort(this.#fault);
  }
}

/** What tells a thread that computes that a signal has fired. */
function stopOf(signal: AbortSignal): Int32Array<SharedArrayBuffer> {
  const stop = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  if (signal.aborted) Atomics.store(stop, 0, 1);
  signal.addEventListener("abort", () => Atomics.store(stop, 0, 1), { once: true });
  return stop;
}

function isWhole(data: Uint8Array): data is Uint8Array<ArrayBuffer> {
  return data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
}

/** Gives the buffers away; those that their maker does not let go are copied. */
function post(worker: Worker, message: ToWorker, buffers: readonly ArrayBuffer[]): void {
  try {
    worker.postMessage(message, buffers as TransferListItem[]);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "DataCloneError") throw error;
    worker.postMessage(message);
  }
}
