/** The thread that has a model: loads one checkpoint, reads batches of prepared pictures, ends when it is told to. */
import { parentPort, type TransferListItem } from "node:worker_threads";
import { packError, type FromWorker, type ToWorker } from "./wire.js";
import type { OnWritten } from "./types.js";
import type { Reader } from "./reader.js";

const port = parentPort;
if (!port) throw new Error("src/engine/worker.ts runs in a worker thread only.");

// While the checkpoint is not known yet. What is wrong is told when it is asked for.
const loading = Promise.all([import("./here.js"), import("./reader.js"), import("../models/places.js")]);
loading.catch(() => undefined);

let reader: Reader | undefined;

function say(message: FromWorker, given: readonly ArrayBuffer[] = []): void {
  port?.postMessage(message, given as TransferListItem[]);
}

async function open({ checkpoint, options }: ToWorker & { type: "open" }): Promise<void> {
  try {
    const [{ loadEstimator }, { Reader }, { unpackCheckpoint }] = await loading;
    const onNote = (text: string): void => say({ type: "note", text });
    const {
      estimator,
      name,
      options: given,
    } = await loadEstimator(unpackCheckpoint(checkpoint), { ...options, onNote });
    try {
      reader = new Reader(estimator, name, given);
    } catch (error) {
      estimator.dispose();
      throw error;
    }
    say({ type: "opened", facts: reader.facts, steps: estimator.steps });
  } catch (error) {
    say({ type: "refused", error: packError(error) });
    port?.close();
  }
}

function read({ id, pictures, options, threads, stop }: ToWorker & { type: "read" }): void {
  const onWritten: OnWritten = (picture, written) => say({ type: "written", id, picture, written });
  try {
    const outcomes =
      reader?.read(pictures, options, { threads, onWritten, stopped: () => Atomics.load(stop, 0) !== 0 }) ?? [];
    const states = outcomes.flatMap((outcome) => ("embedding" in outcome && outcome.embedding ? [outcome.embedding.buffer] : [])); // prettier-ignore
    say({ type: "outcomes", id, outcomes }, states);
  } catch (error) {
    say({ type: "failed", id, error: packError(error) });
  }
}

function explain({ id, request, threads, stop }: ToWorker & { type: "explain" }): void {
  try {
    if (!reader) return;
    const map = reader.explain(request, { threads, stopped: () => Atomics.load(stop, 0) !== 0 });
    say({ type: "explained", id, map }, [map.values.buffer]);
  } catch (error) {
    say({ type: "failed", id, error: packError(error) });
  }
}

function judge({ id, pictures, asking, threads }: ToWorker & { type: "judge" }): void {
  try {
    const answer = reader?.judge(pictures, asking, threads);
    if (answer) say({ type: "judged", id, answer });
  } catch (error) {
    say({ type: "failed", id, error: packError(error) });
  }
}

port.on("message", (message: ToWorker) => {
  if (message.type === "open") void open(message);
  else if (message.type === "read") read(message);
  else if (message.type === "explain") explain(message);
  else if (message.type === "judge") judge(message);
  else {
    reader?.dispose();
    // Nothing keeps the thread then.
    port.close();
  }
});
