/** Figures for operators, in Prometheus' form. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { ServerWorkers } from "./options.js";
import type { QueueWatcher, ScoringQueue } from "./queue.js";

/** Seconds; a picture of a small model takes hundredths, a comment of a large one minutes. */
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/** Milliseconds between two looks at the event loop: what comes on top is delay. */
const RESOLUTION = 10;
const PREFIX = "roc4mllm_";

/** What a server counts. Its figures are its own: several servers in a process do not share them. */
export class Metrics implements QueueWatcher {
  readonly registry = new Registry();
  readonly #requests = this.#counter("http_requests_total", "Requests by route and status.", [
    "method",
    "route",
    "status",
  ]);
  readonly #seconds = new Histogram({
    name: `${PREFIX}http_request_seconds`,
    help: "Seconds from a request's headers to the end of its answer.",
    labelNames: ["route"],
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly #scored = this.#counter("pictures_scored_total", "Pictures that have a score.");
  readonly #failed = this.#counter("pictures_failed_total", "Pictures without a score, by their errors' codes.", [
    "code",
  ]);
  readonly #refused = this.#counter("requests_refused_total", "Requests that were told to come later (429).");
  readonly #batches = new Histogram({
    name: `${PREFIX}batch_pictures`,
    help: "Pictures that are given to the model together.",
    buckets: BATCHES,
    registers: [this.registry],
  });
  #state: Awaited<ReturnType<ServerWorkers["state"]>> | undefined;
  readonly #loop = monitorEventLoopDelay({ resolution: RESOLUTION });

  /**
   * @param queueOf asked when the figures are
   * @param onFault told of errors that no client is told of
   * @param workers asked when the figures are
   */
  constructor(
    queueOf: () => ScoringQueue,
    readonly onFault: (error: Error) => void,
    private readonly workers?: ServerWorkers,
  ) {
    this.#loop.enable();
    this.#gauge("queue_pictures", "Pictures that wait for the model.", () => queueOf().length);
    this.#gauge("computing_pictures", "Pictures that are read, decoded or computed.", () => queueOf().computing);
    this.#gauge("process_resident_bytes", "Memory of the process.", () => process.memoryUsage.rss());
    if (workers) this.#addWorkers();
    for (const percent of [50, 99] as const) {
      const help = `Delay of the event loop since the last look, percentile ${percent}.`;
      this.#gauge(`event_loop_delay_p${percent}_seconds`, help, () => this.#delay(percent));
    }
  }

  answered(method: string, route: string, status: number, seconds: number): void {
    this.#requests.inc({ method, route, status });
    this.#seconds.observe({ route }, seconds);
    if (status === 429) this.#refused.inc();
  }

  readonly batch = (pictures: number): void => this.#batches.observe(pictures);

  readonly outcome: QueueWatcher["outcome"] = (outcome) => {
    if ("error" in outcome) this.#failed.inc({ code: outcome.error.code });
    else this.#scored.inc();
  };

  /** Everything as text. */
  async text(): Promise<string> {
    this.#state = await this.workers?.state().catch(() => undefined);
    const text = await this.registry.metrics();
    this.#loop.reset();
    return text;
  }

  #addWorkers(): void {
    this.#gauge("shared_queue_up", "1 while the queue of the workers answers.", () => Number(this.#state?.up ?? false));
    this.#gauge("shared_queue_waiting_pictures", "Pictures that no worker has taken yet, of all servers and scans.", () => this.#state?.waiting ?? NaN); // prettier-ignore
    this.#gauge("shared_queue_active_pictures", "Pictures that are with workers.", () => this.#state?.active ?? NaN);
    this.#gauge("shared_queue_failed_pictures", "Pictures that were given up within a day.", () => this.#state?.failed ?? NaN); // prettier-ignore
    this.#gauge("shared_queue_workers", "Workers of the checkpoint that are alive.", () => this.#state?.workers ?? NaN);
  }

  stop(): void {
    this.#loop.disable();
  }

  #delay(percent: number): number {
    const nanoseconds = this.#loop.count === 0 ? 0 : this.#loop.percentile(percent);
    return Math.max(0, nanoseconds / 1e9 - RESOLUTION / 1e3);
  }

  #counter<Name extends string = never>(name: string, help: string, labelNames: Name[] = []): Counter<Name> {
    return new Counter({ name: `${PREFIX}${name}`, help, labelNames, registers: [this.registry] });
  }

  #gauge(name: string, help: string, value: () => number): void {
    const collect = function (this: Gauge): void {
      this.set(value());
    };
    new Gauge({ name: `${PREFIX}${name}`, help, collect, registers: [this.registry] });
  }
}
