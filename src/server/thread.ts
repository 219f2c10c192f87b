/** Work that would keep the server from answering, in a thread of its own: questions by number, answers in any order. */
import { Worker, type TransferListItem } from "node:worker_threads";
import { unpackError, type PackedError } from "../engine/wire.js";

export interface Question<Asked> {
  readonly id: number;
  readonly asked: Asked;
}

export type Answer<Found> = { readonly id: number } & ({ readonly found: Found } | { readonly error: PackedError });

interface Waiting<Found> {
  readonly resolve: (found: Found) => void;
  readonly reject: (error: Error) => void;
}

/** Begins with the first question, and again with the next one where it has ended by itself. */
export class Thread<Asked, Found> {
  #worker: Worker | undefined;
  #count = 0;
  readonly #waiting = new Map<number, Waiting<Found>>();

  /** @param options `workerData` of the thread */
  constructor(
    private readonly program: URL,
    private readonly options: { readonly name: string; readonly workerData?: unknown },
  ) {}

  /** @param buffers given away with the question */
  ask(asked: Asked, buffers: readonly ArrayBuffer[] = []): Promise<Found> {
    const worker = (this.#worker ??= this.#start());
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, asked } satisfies Question<Asked>, buffers as TransferListItem[]);
    });
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.program, { ...this.options, execArgv: [] });
    worker.unref();
    worker.on("message", (answer: Answer<Found>) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ("found" in answer) waiting?.resolve(answer.found);
      else waiting?.reject(unpackError(answer.error));
    });
    const fail = (error: Error): void => {
      // After its error a thread exits too, when the next one may have questions already.
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
    worker.on("error", fail);
    worker.on("exit", () => fail(new Error(`The thread ${this.options.name} has ended.`)));
    return worker;
  }
}
