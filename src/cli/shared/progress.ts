/** How far the work is, on standard error: a bar on a terminal, now and then a line elsewhere. */
import { Writable } from "node:stream";
import cliProgress from "cli-progress";
import type { Output } from "./io.js";

/** Without a terminal: a line this often, so that a short run says nothing. */
const LINE_MS = 10_000;
const CLEAR_LINE = "\r\x1b[K";
const SAVE_OR_RESTORE = /\x1b[78]/g;

export interface Progress {
  /** Says that `done` units are done; a smaller number than before is ignored. */
  update(done: number): void;
  /** Runs `print` with the bar out of the way of what it writes. */
  around(print: () => void): void;
  /** Takes the bar away. */
  stop(): void;
}

/** Seconds as a text: "45 s", "12 min", "2 h 05 min"; parts of a second are rounded up. */
export function formatDuration(seconds: number): string {
  if (seconds <= 99) return `${Math.ceil(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** Seconds left at the average speed so far. */
function secondsLeft(done: number, total: number, elapsedMs: number): number {
  return ((elapsedMs / 1000) * (total - done)) / Math.max(done, 1);
}

/**
 * The stream that cli-progress draws on. It may not restore a saved cursor position: rows are printed between two
 * drawings of the bar, and the position has then moved.
 */
function barStream(output: Output): Writable {
  const stream = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      output.write(text.replace(SAVE_OR_RESTORE, ""));
      done();
    },
  });
  return Object.assign(stream, { isTTY: true, columns: output.columns ?? 80 });
}

function createBar(output: Output, total: number): Progress {
  const started = Date.now();
  let most = 0;
  const left = (): string =>
    most === 0 ? "" : `${formatDuration(secondsLeft(most, total, Date.now() - started))} left`;
  const bar = new cliProgress.SingleBar({
    stream: barStream(output),
    linewrap: true,
    clearOnComplete: true,
    forceRedraw: true,
    barsize: 24,
    barCompleteChar: "━",
    barIncompleteChar: "╌",
    format: (options, { progress, value, total: all }) =>
      `${cliProgress.Format.BarFormat(progress, options)} ${value}/${all}  ${left()}`,
  });
  bar.start(total, 0);
  return {
    update(done) {
      most = Math.max(most, done);
      bar.update(most);
    },
    around(print) {
      output.write(CLEAR_LINE);
      print();
    },
    stop: () => bar.stop(),
  };
}

function createLines(output: Output, label: string, total: number): Progress {
  const started = Date.now();
  let said = started;
  return {
    update(done) {
      const now = Date.now();
      if (now - said < LINE_MS || done >= total) return;
      said = now;
      const left = formatDuration(secondsLeft(done, total, now - started));
      output.write(`${label} ${done} of ${total} (${Math.floor((100 * done) / total)}%), about ${left} left\n`);
    },
    around: (print) => print(),
    stop: () => undefined,
  };
}

/** Progress of work whose extent is known when it starts: made at the first report. */
export function lazyProgress(
  output: Output,
  label: string,
): { readonly onProgress: (done: number, total: number) => void; readonly stop: () => void } {
  let progress: Progress | undefined;
  return {
    onProgress(done, total) {
      progress ??= createProgress(output, label, total);
      progress.update(done);
    },
    stop() {
      progress?.stop();
      progress = undefined;
    },
  };
}

/**
 * Progress of `total` units of work.
 *
 * @param label how a plain line starts: "scored"
 */
export function createProgress(output: Output, label: string, total: number): Progress {
  return output.isTTY === true ? createBar(output, total) : createLines(output, label, total);
}
