/** A process that does jobs: small models leave a core idle where two threads share one, so each process takes a job of its own. */
import { fork, type ChildProcess } from "node:child_process";
import { RocError } from "../../errors.js";
import type { TrainEvent } from "../../train/index.js";
import type { JobWorker } from "../runner.js";
import type { ExperimentConfig } from "./config.js";
import type { ExperimentJob } from "./jobs.js";
import type { Order, Report } from "./worker.js";

/** A process that outlives its jobs: libtorch and the pictures' labels are read once. */
export class WorkerProcess implements JobWorker<ExperimentJob, TrainEvent> {
  readonly #child: ChildProcess;
  readonly #stop = (): void => void this.#send({ type: "stop" });

  constructor(
    private readonly config: ExperimentConfig,
    private readonly signal: AbortSignal,
  ) {
    this.#child = fork(new URL("./worker.js", import.meta.url), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    signal.addEventListener("abort", this.#stop);
  }

  run(job: ExperimentJob, onProgress: (event: TrainEvent) => void): Promise<void> {
    const child = this.#child;
    return new Promise<void>((resolve, reject) => {
      const settle = (act: () => void): void => {
        child.off("message", hear).off("exit", died);
        act();
      };
      const hear = (report: Report): void => {
        if (report.type === "event") onProgress(report.event);
        else if (report.type === "done") settle(resolve);
        else settle(() => reject(new RocError(report.code, report.message)));
      };
      const died = (code: number | null, by: string | null): void => {
        const text = `The process of ${job.name} ended (${by ?? `exit code ${code}`}). The same command resumes from its last state.`;
        settle(() => reject(new RocError("TRAINING", text)));
      };
      child.on("message", hear).on("exit", died);
      this.#send({ type: "job", config: this.config, job });
      if (this.signal.aborted) this.#stop();
    });
  }

  end(): void {
    this.signal.removeEventListener("abort", this.#stop);
    if (this.#child.connected) this.#child.disconnect();
  }

  #send(order: Order): void {
    // One that has died is reported by its exit.
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }
}
