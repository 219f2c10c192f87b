/** Tasks over several processes: small models leave a core idle where two threads share one, so each takes a task of its own. */
import { fork, type ChildProcess } from "node:child_process";
import { RocError } from "../errors.js";
import type { TrainEvent } from "../train/index.js";
import type { ExperimentConfig } from "./claims/config.js";
import type { Task } from "./claims/tasks.js";
import type { Order, Report } from "./claims/worker.js";

export interface PoolOptions {
  readonly signal?: AbortSignal | undefined;
  /** Asked before each task is begun; after a no, no other is. */
  readonly mayBegin?: () => boolean;
  readonly onEvent?: (task: Task, event: TrainEvent) => void;
  readonly onDone?: (task: Task, seconds: number) => void;
}

/**
 * Does tasks in their order, as many at a time as the config has workers.
 *
 * @returns those that were not begun
 * @throws RocError of the first task that failed, after the others have written their state; ABORTED on the signal
 */
export async function runTasks(
  config: ExperimentConfig,
  tasks: readonly Task[],
  { signal, mayBegin = () => true, onEvent, onDone }: PoolOptions = {},
): Promise<Task[]> {
  const left = [...tasks];
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const serve = async (): Promise<void> => {
    const worker = new Worker(either);
    try {
      while (left.length > 0 && !either.aborted && mayBegin()) {
        const task = left.shift() as Task;
        const started = performance.now();
        await worker.run(config, task, (event) => onEvent?.(task, event));
        onDone?.(task, (performance.now() - started) / 1000);
      }
    } catch (error) {
      stop.abort();
      throw error;
    } finally {
      worker.end();
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(config.workers, left.length) }, serve));
  const errors = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as Error] : []));
  // Those that were stopped for another's sake come last.
  const isStop = (error: Error): boolean => error instanceof RocError && error.code === "ABORTED";
  const [error] = [...errors.filter((one) => !isStop(one)), ...errors.filter(isStop)];
  if (error !== undefined) throw error;
  if (signal?.aborted) throw new RocError("ABORTED", "Stopped. The same command goes on from there.");
  return left;
}

/** A process that outlives its tasks: libtorch and the pictures' labels are read once. */
class Worker {
  readonly #child: ChildProcess;
  readonly #stop = (): void => void this.#tell({ type: "stop" });

  constructor(private readonly signal: AbortSignal) {
    this.#child = fork(new URL("./claims/worker.js", import.meta.url), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    signal.addEventListener("abort", this.#stop);
  }

  run(config: ExperimentConfig, task: Task, onEvent: (event: TrainEvent) => void): Promise<void> {
    const child = this.#child;
    return new Promise<void>((resolve, reject) => {
      const settle = (act: () => void): void => {
        child.off("message", hear).off("exit", died);
        act();
      };
      const hear = (report: Report): void => {
        if (report.type === "event") onEvent(report.event);
        else if (report.type === "done") settle(resolve);
        else settle(() => reject(new RocError(report.code, report.message)));
      };
      const died = (code: number | null, by: string | null): void => {
        const text = `The process of ${task.name} ended (${by ?? `exit code ${code}`}). The same command goes on from its last state.`;
        settle(() => reject(new RocError("TRAINING", text)));
      };
      child.on("message", hear).on("exit", died);
      this.#tell({ type: "task", config, task });
      if (this.signal.aborted) this.#stop();
    });
  }

  end(): void {
    this.signal.removeEventListener("abort", this.#stop);
    if (this.#child.connected) this.#child.disconnect();
  }

  #tell(order: Order): void {
    // One that has died is reported by its exit.
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }
}
