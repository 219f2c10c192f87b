/** The output of set-up, always on standard error: one line per step, with its elapsed time. */

const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const SPIN_MS = 100;
/** Without a terminal, the line of a long step is repeated this often, so that a log shows progress. */
const REMIND_MS = 20_000;

/** A failure with its remedy; the entry scripts print it without a stack. */
export class SetupError extends Error {
  /**
   * @param {string} message what failed and what to do
   * @param {string} [output] the failed command's own output
   */
  constructor(message, output = "") {
    super(message);
    this.output = output;
  }
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return milliseconds < 9950 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds / 1000)} s`;
}

/** One line of at most the terminal's width, without control characters. */
function clip(text, width) {
  const clean = text.replace(/\p{Cc}+/gu, " ").trimEnd();
  return clean.length <= width ? clean : `${clean.slice(0, width - 1)}…`;
}

function spin(label, started, detail) {
  let frame = 0;
  const timer = setInterval(() => {
    frame = (frame + 1) % SPINNER.length;
    const line = `${label} (${seconds(Date.now() - started)})${detail.text && `  ${detail.text}`}`;
    process.stderr.write(`\r\x1b[K${SPINNER[frame]} ${clip(line, (process.stderr.columns ?? 80) - 3)}`);
  }, SPIN_MS);
  return () => {
    clearInterval(timer);
    process.stderr.write("\r\x1b[K");
  };
}

function remind(label, started, detail) {
  process.stderr.write(`setup: ${label} ...\n`);
  const timer = setInterval(() => {
    const line = `setup: ${label} ... ${seconds(Date.now() - started)} so far${detail.text && `: ${detail.text}`}`;
    process.stderr.write(`${clip(line, 160)}\n`);
  }, REMIND_MS);
  return () => clearInterval(timer);
}

/**
 * Runs one step of set-up with a progress line.
 *
 * @template T
 * @param {string} label description of the step
 * @param {(update: (detail: string) => void) => Promise<T>} work `update` shows the current detail
 * @returns {Promise<T>}
 */
export async function step(label, work) {
  const started = Date.now();
  const detail = { text: "" };
  const stop = (process.stderr.isTTY ? spin : remind)(label, started, detail);
  let done = false;
  try {
    const result = await work((text) => {
      if (text.trim() !== "") detail.text = text.trim();
    });
    done = true;
    return result;
  } finally {
    stop();
    process.stderr.write(`setup: ${label}: ${done ? "done" : "failed"} after ${seconds(Date.now() - started)}\n`);
  }
}

/** One line about set-up. */
export function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}
