/**
 * JSON bodies. Large ones hold pictures in base64: they are parsed and decoded in a thread of their own, so that the server goes on
 * answering meanwhile.
 */
import { Worker } from "node:worker_threads";
import type { FastifyInstance } from "fastify";
import { Refusal } from "./errors.js";
import { parseBody, type Parsed } from "./json-parse.js";

/** Smaller ones take less time here than on their way to another thread. */
const SMALL = 2 ** 16;

/** Parses JSON bodies; what of them is base64 of a picture becomes bytes. */
export function addJsonBodies(app: FastifyInstance): void {
  const thread = new ParsingThread();
  app.removeContentTypeParser(["application/json", "text/plain"]);
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) => {
    const parsed = body.length <= SMALL ? parseBody(body) : await thread.parse(body);
    if ("problem" in parsed) throw new Refusal(400, "USAGE", parsed.problem);
    return parsed.value;
  });
  app.addHook("onClose", () => thread.end());
}

/** What is said to the thread, and what it answers. */
export interface ToParser {
  readonly id: number;
  readonly body: Uint8Array;
}

export interface FromParser {
  readonly id: number;
  readonly parsed: Parsed;
}

/** Started by the first large body. */
class ParsingThread {
  #worker: Worker | undefined;
  #count = 0;
  readonly #asked = new Map<number, { resolve: (parsed: Parsed) => void; reject: (error: Error) => void }>();

  parse(body: Buffer): Promise<Parsed> {
    const worker = (this.#worker ??= this.#start());
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      const own = Uint8Array.from(body);
      worker.postMessage({ id, body: own } satisfies ToParser, [own.buffer]);
    });
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL("./json-worker.js", import.meta.url), { name: "roc4mllm json", execArgv: [] });
    worker.unref();
    worker.on("message", ({ id, parsed }: FromParser) => {
      this.#asked.get(id)?.resolve(parsed);
      this.#asked.delete(id);
    });
    const fail = (error: Error): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#asked.values()) reject(error);
      this.#asked.clear();
    };
    worker.on("error", fail);
    worker.on("exit", () => fail(new Error("The thread that parses JSON has ended.")));
    return worker;
  }
}
