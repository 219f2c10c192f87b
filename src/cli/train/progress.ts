/** A run's events for a person (one updating line, or plain lines) or for a program (JSON Lines). */
import pc from "picocolors";
import type { DemoReport } from "../../studies/demo/card.js";
import type { TrainEvent } from "../../train/events.js";
import type { Io } from "../shared/io.js";
import { formatDuration } from "../shared/progress.js";
import { chart } from "./chart.js";

/** Milliseconds between lines where there is no terminal. */
const QUIET = 15_000;
const CLEAR_LINE = "\r\u001b[K";

export class TrainProgress {
  readonly #io: Pick<Io, "stdout" | "stderr">;
  readonly #json: boolean;
  #lastLine = -Infinity;
  #srcc = "";
  readonly #losses: number[] = [];
  readonly #srccs: number[] = [];

  /** @param json print events on standard output, too */
  constructor(io: Pick<Io, "stdout" | "stderr">, json: boolean) {
    this.#io = io;
    this.#json = json;
  }

  /** Shows one event of a run. */
  event(event: TrainEvent): void {
    if (event.type === "note" && event.rank !== undefined) {
      // Its process is silent otherwise.
      this.#io.stderr.write(`note: rank ${event.rank}: ${event.text}\n`);
      return;
    }
    this.#data(event);
    if (event.type === "step") {
      this.#losses.push(event.loss);
      this.update(`${stepText(event)}${this.#srcc}`);
    } else if (event.type === "validation") {
      this.#srccs.push(event.srcc ?? NaN);
      this.#srcc = `  SRCC ${figure(event.srcc)}`;
    } else if (event.type === "end") this.#curves();
    const line = lineOf(event);
    if (line !== undefined) this.line(line);
  }

  /** A passing state of things: replaces the last one on a terminal, else shown now and then. */
  update(text: string): void {
    const { stderr } = this.#io;
    if (stderr.isTTY === true) stderr.write(CLEAR_LINE + text.slice(0, (stderr.columns ?? 80) - 1));
    else if (performance.now() - this.#lastLine >= QUIET) {
      this.#lastLine = performance.now();
      stderr.write(`${text}\n`);
    }
  }

  /** A line that stays. */
  line(text: string): void {
    const { stderr } = this.#io;
    stderr.write(`${stderr.isTTY === true ? CLEAR_LINE : ""}${text}\n`);
  }

  /** Loss and validation of this process's steps. */
  #curves(): void {
    const width = Math.min(72, (this.#io.stderr.columns ?? 80) - 12);
    const lines = [...chart("loss", this.#losses, { width }), ...chart("validation SRCC", this.#srccs, { width })];
    for (const line of lines) this.line(line);
  }

  /** The end of `train-demo`. */
  report(report: DemoReport, folder: string, seconds: number): void {
    const { test, bytes } = report;
    const figures = `SRCC ${figure(test.srcc)}  PLCC ${figure(test.plcc)}  MAE ${figure(test.mae, 3)}`;
    this.line(`Test part of ${test.count} pictures: ${figures}`);
    this.line(`Wrote ${folder} (${(bytes / 1e6).toFixed(1)} MB) after ${formatDuration(seconds)}`);
    this.#data({ type: "report", ...report });
  }

  #data(value: object): void {
    if (this.#json) this.#io.stdout.write(`${JSON.stringify(value)}\n`);
  }
}

function stepText(event: Extract<TrainEvent, { type: "step" }>): string {
  const { step, totalSteps, epoch, loss, imagesPerSecond, secondsLeft } = event;
  return (
    `step ${step}/${totalSteps}  epoch ${epoch + 1}  loss ${loss.toFixed(3)}  ` +
    `${imagesPerSecond.toFixed(0)} images/s  ${formatDuration(secondsLeft)} left`
  );
}

function lineOf(event: TrainEvent): string | undefined {
  switch (event.type) {
    case "note":
      return `note: ${event.text}`;
    case "start": {
      const { step, totalSteps, parameters, precision } = event;
      const begin = step === 0 ? `Training for ${totalSteps} steps` : `Resuming at step ${step} of ${totalSteps}`;
      const size = `${(parameters / 1e6).toFixed(2)} million weights`;
      return `${begin}: ${countText(event)}, ${size}, ${precision}`;
    }
    case "validation": {
      const figures = `SRCC ${figure(event.srcc)}  PLCC ${figure(event.plcc)}  MAE ${figure(event.mae, 3)}${event.failed > 0 ? `  ${event.failed} of ${event.count + event.failed} not understood` : ""}`;
      return `step ${event.step}: validation ${figures}${event.best ? pc.green("  best so far") : ""}`;
    }
    case "end":
      return (
        `Trained for ${event.step} steps in ${formatDuration(event.seconds)}` +
        (event.reason === "patience" ? "; validations no longer got better" : "")
      );
    default:
      return undefined;
  }
}

/** What is trained on; what it is validated with is always pictures. */
function countText({ trainSamples, sets, raters, validationSamples }: Extract<TrainEvent, { type: "start" }>): string {
  if (sets !== undefined) return `${trainSamples} pictures in ${sets} sets (${validationSamples} pictures to validate)`;
  if (raters !== undefined) return `${trainSamples} ratings of ${raters} raters (${validationSamples} to validate)`;
  return `${trainSamples} pictures (${validationSamples} to validate)`;
}

function figure(value: number | null, decimals = 4): string {
  return value === null ? "undefined" : value.toFixed(decimals);
}
