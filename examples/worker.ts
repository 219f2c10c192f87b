/**
 * A model in a worker thread: scoring computes for a while, and the event loop of a server must not wait for it.
 *
 *     node dist/examples/worker.js PHOTO ...      (default: the photographs of examples/photos)
 *
 * `Scorer` is for your own program: copy it.
 */
import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker, workerData, type MessagePort } from "node:worker_threads";
import { DEMO_MODEL, isRocError, load, RocError, type ErrorCode, type ScoreResult } from "roc4mllm";

/** What goes to the worker, and what comes back. */
interface Question {
  readonly id: number;
  readonly picture: string | Uint8Array;
}
type Answer =
  | { readonly id: number; readonly result: ScoreResult }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };

/** Scores pictures one after another in a thread of its own. */
export class Scorer {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve: (result: ScoreResult) => void; reject: (error: Error) => void }>();
  #asked = 0;
  #ended: Error | undefined;

  /** @param checkpoint folder of the model, which the worker loads */
  constructor(checkpoint: string) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: { checkpoint } });
    this.#worker.on("message", (answer: Answer) => this.#settle(answer));
    this.#worker.on("error", (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on("exit", () => this.#fail(new Error("the scoring thread has ended")));
    this.#worker.unref();
  }

  /** @throws RocError where the picture cannot be scored */
  score(picture: string | Uint8Array): Promise<ScoreResult> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      const id = this.#asked++;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, picture } satisfies Question);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("result" in answer) waiting?.resolve(answer.result);
    else waiting?.reject(new RocError(answer.error.code, answer.error.message));
  }

  #fail(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

async function serve(port: MessagePort, checkpoint: string): Promise<void> {
  const model = await load(checkpoint);
  port.on("message", ({ id, picture }: Question) => {
    model.scoreOne(picture).then(
      (result) => port.postMessage({ id, result } satisfies Answer),
      (error: unknown) => {
        if (!isRocError(error)) throw error;
        port.postMessage({ id, error: { code: error.code, message: error.message } } satisfies Answer);
      },
    );
  });
}

/** The package's photographs; this file lies in dist/examples/ once it is compiled. */
async function examplePhotos(): Promise<string[]> {
  const folder = fileURLToPath(new URL("../../examples/photos/", import.meta.url));
  return (await readdir(folder)).sort().map((name) => `${folder}${name}`);
}

async function main(given: readonly string[]): Promise<void> {
  const scorer = new Scorer(DEMO_MODEL);
  const photos = given.length > 0 ? given : await examplePhotos();
  for (const photo of photos) {
    const { score, std } = await scorer.score(photo);
    console.log(`${photo}: ${score.toFixed(2)} ± ${(std ?? 0).toFixed(2)}`);
  }
  await scorer.close();
}

if (!isMainThread && parentPort) await serve(parentPort, (workerData as { checkpoint: string }).checkpoint);
else if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
