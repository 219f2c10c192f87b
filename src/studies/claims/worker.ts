/** A process that does one job after another on request. Ends with the process that started it. */
import { setTimeout } from "node:timers/promises";
import { isRocError, messageOf, type ErrorCode } from "../../errors.js";
import { setNumThreads } from "../../torch/index.js";
import type { TrainEvent } from "../../train/index.js";
import type { ExperimentConfig } from "./config.js";
import { readData, type ExperimentData } from "./pictures.js";
import { runJob, type ExperimentJob } from "./jobs.js";

/** A message to a worker. */
export type Order =
  | { readonly type: "job"; readonly config: ExperimentConfig; readonly job: ExperimentJob }
  /** Write a state and end the job. */
  | { readonly type: "stop" };

/** A message from a worker. */
export type Report =
  | { readonly type: "event"; readonly event: TrainEvent }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly code: ErrorCode; readonly message: string };

/** Milliseconds that a held folder or file is waited for, and between two looks at it. */
const [PATIENCE, LOOK] = [60_000, 250];

const stopped = new AbortController();
let data: Promise<ExperimentData> | undefined;

async function work(config: ExperimentConfig, job: ExperimentJob): Promise<Report> {
  try {
    setNumThreads(config.threads);
    data ??= readData(config);
    await runWhenFree(config, job, await data);
    return { type: "done" };
  } catch (error) {
    const code = isRocError(error) ? error.code : "INTERNAL";
    // A bug of ours is looked for by its stack.
    const text = code === "INTERNAL" && error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
    return { type: "failed", code, message: `${job.name}: ${text}` };
  }
}

/**
 * Does a job. A worker of an experiment that was killed writes until its next pause: what it holds is waited for. Another experiment
 * cannot hold it, as the work folder has a lock of its own.
 */
async function runWhenFree(config: ExperimentConfig, job: ExperimentJob, pictures: ExperimentData): Promise<void> {
  const { signal } = stopped;
  const until = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await runJob(config, job, pictures, {
        signal,
        onEvent: (event) => process.send?.({ type: "event", event } satisfies Report),
      });
    } catch (error) {
      const isHeld = isRocError(error) && error.code === "IN_USE";
      if (!isHeld || signal.aborted || performance.now() > until) throw error;
      await setTimeout(LOOK);
    }
  }
}

process.on("message", (order: Order) => {
  if (order.type === "stop") stopped.abort();
  else void work(order.config, order.job).then((report) => process.send?.(report));
});
// Ctrl-C and a closed terminal reach the whole group of processes: the parent says when to stop.
for (const signal of ["SIGINT", "SIGHUP"]) process.on(signal, () => undefined);
// The parent is gone, however it ended.
process.on("disconnect", () => process.exit(1));
