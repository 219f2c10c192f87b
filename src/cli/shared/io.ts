/** What a command may touch of the outside world, so that a test can replace it. */
import type { Readable } from "node:stream";
import type { load } from "../../engine/index.js";

/** Where text is written: `process.stdout`, or a collector in a test. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Width of the terminal in columns. */
  readonly columns?: number | undefined;
}

export interface Io {
  readonly stdin: Readable;
  /** Data only. */
  readonly stdout: Output;
  /** Progress, notes and errors. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What the commands use of the engine. */
export interface Engine {
  readonly load: typeof load;
}

/** What every command is given. */
export interface Context {
  readonly io: Io;
  /** Fires when the user stops the command (Ctrl-C). */
  readonly signal: AbortSignal;
  /** The engine, loaded on first use: `--help` needs no libtorch. */
  readonly engine: () => Promise<Engine>;
  /**
   * The exit code of a command that ends without an error; 0 if never called. `stopped`: also where the user has stopped it,
   * which is how some commands are to end.
   */
  readonly setExitCode: (code: number, when?: { readonly stopped?: boolean }) => void;
}
