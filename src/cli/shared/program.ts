/** The command line as a function: arguments in, exit code out. Errors become messages here and nowhere else. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { Command, CommanderError } from "commander";
import { ERROR_CODES, RocError, isOutOfMemory, isRocError, messageOf, type ErrorCode } from "../../errors.js";
import { packageVersion } from "../../version.js";
import type { Context, Output } from "./io.js";
import { errorLine } from "./json.js";
import { checkNpmFlags } from "./npm-flags.js";

/** Makes one command of the program. */
export type CommandFactory = (context: Context) => Command;

/**
 * The commands by name; each is imported only when it is needed, as training is not for `score`. A group of commands is
 * given the arguments after its name, to import only the one of them that they name.
 */
export type Commands = Readonly<Record<string, (args: readonly string[]) => Promise<CommandFactory>>>;

/** What the list of commands says of each: its usage behind the name, and what it does. */
export type Outline = Readonly<Record<string, readonly [usage: string, description: string]>>;

const EXIT_CODES_HELP = `
Exit codes:
  0    everything went well
  ${ERROR_CODES.USAGE}    wrong use
  ${ERROR_CODES.FILE_NOT_FOUND}    a file is missing or broken
  ${ERROR_CODES.CONFIG_INVALID}    a checkpoint or a data set is not as it should be
  ${ERROR_CODES.NATIVE_UNAVAILABLE}    libtorch is missing or set-up failed
  ${ERROR_CODES.TORCH}    libtorch reported an error
  ${ERROR_CODES.TRAINING}    a training run cannot continue, memory is short, or a taste that was learned is not kept
  ${ERROR_CODES.NETWORK}    the hub or Redis cannot be reached, or refused
  ${ERROR_CODES.IN_USE}    another process uses the file or folder
  ${ERROR_CODES.SCORE_NOT_FINITE}   a model gave NaN or infinite numbers
  ${ERROR_CODES.INTERNAL}   a bug of ours
  ${ERROR_CODES.ABORTED}  stopped by you
  ${ERROR_CODES.OUTPUT_CLOSED}  the reader of the output has gone, as head does`;

/** Only the named command; for the list of all of them, without one, their outlines. */
async function importCommands(
  commands: Commands,
  argv: readonly string[],
  outline: Outline | undefined,
): Promise<CommandFactory[]> {
  const [name, ...args] = argv;
  const named = name === undefined || !Object.hasOwn(commands, name) ? undefined : commands[name];
  if (!named && outline && name !== "help") return Object.entries(outline).map(outlined);
  return Promise.all((named ? [named] : Object.values(commands)).map((importOne) => importOne(args)));
}

function outlined([name, [usage, description]]: [string, Outline[string]]): CommandFactory {
  const words = usage.split(" ").filter((word) => word !== "");
  return () => {
    const command = new Command(name).description(description);
    for (const word of words) if (word !== "[options]") command.argument(word);
    // Any one: the list says that there are some.
    return words.includes("[options]") ? command.option("--any") : command;
  };
}

/** A command and all below it: what is added by `addCommand` inherits no settings. */
function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function createProgram(commands: readonly CommandFactory[], context: Context): Command {
  const { stdout, stderr } = context.io;
  const program = new Command("roc4mllm")
    .description("Scores photos with a multimodal language model trained by ROC4MLLM.")
    .version(packageVersion())
    .addHelpText("after", EXIT_CODES_HELP)
    .showHelpAfterError("(see --help)")
    // torchrun's options end where the command that it runs starts.
    .enablePositionalOptions();
  for (const create of commands) program.addCommand(create(context));
  for (const command of withSubcommands(program)) {
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) });
  }
  return program;
}

/** Errors of long work that is stopped, which say how it resumes, or why it could not save its state. */
const KEEPS_MESSAGE: ReadonlySet<ErrorCode> = new Set(["ABORTED", "TRAINING", "OUT_OF_MEMORY", "FILE_UNWRITABLE"]);

/** What was thrown, as an error of ours; undefined for commander's help and version, which are no errors. */
function asError(error: unknown, signal: AbortSignal): RocError | undefined {
  if (signal.aborted) {
    const said = isRocError(error) && KEEPS_MESSAGE.has(error.code) ? error : undefined;
    const reason: unknown = signal.reason;
    if (!isRocError(reason)) return said ?? new RocError("ABORTED", "Stopped.", { cause: error });
    return new RocError(reason.code, `${reason.message} ${said?.message ?? "Stopped."}`, { cause: error });
  }
  if (error instanceof CommanderError) {
    return error.exitCode === 0 || error.code === "commander.help"
      ? undefined
      : new RocError("USAGE", error.message.replace(/^error: /, ""));
  }
  if (isRocError(error)) return MEMORY_TOO.has(error.code) ? (memoryError(error) ?? error) : error;
  return systemError(error) ?? memoryError(error) ?? new RocError("INTERNAL", messageOf(error), { cause: error });
}

/** Errors that may only say that memory is short. */
const MEMORY_TOO: ReadonlySet<ErrorCode> = new Set(["TORCH", "NATIVE_UNAVAILABLE"]);

function memoryError(error: unknown): RocError | undefined {
  if (!isOutOfMemory(error)) return undefined;
  const [reason = ""] = messageOf(error).split("\n");
  const remedy = "Close other programs, raise the limit (ulimit -v), or take a smaller model or batch.";
  return new RocError("OUT_OF_MEMORY", `Memory is short: ${reason}. ${remedy}`, { cause: error });
}

/** What the system may refuse for a path that the user named. */
const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  EROFS: "it is on a read-only disk",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EEXIST: "there is a file of that name",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "it is a folder",
  ENOENT: "it cannot be made or found there",
  ENAMETOOLONG: "the name is too long",
  EMFILE: "too many files are open",
  EIO: "the disk reports an error",
};

/** System calls that only read. `open` may do either; what reads files reports that itself (src/files/). */
const READING = /^(read|readlink|realpath|scandir|opendir|f?stat|lstat|access)$/;

function systemError(error: unknown): RocError | undefined {
  const { code = "", path, syscall } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  const reason = REFUSALS[code];
  if (reason === undefined || syscall === undefined) return undefined;
  const what = `${path ?? "standard output"}: ${reason} (${syscall}, ${code}).`;
  const refused = !READING.test(syscall) ? "FILE_UNWRITABLE" : code === "ENOENT" ? "FILE_NOT_FOUND" : "FILE_UNREADABLE";
  return new RocError(refused, `${what} Correct that, or name another path.`, { cause: error });
}

/**
 * Standard output or error that cannot be written to: stops the command as Ctrl-C does, so that a long work saves what it
 * has.
 */
export function outputFailed(error: NodeJS.ErrnoException, stop: (reason: RocError) => void): void {
  const closed = new RocError("OUTPUT_CLOSED", "The reader of the output has gone.", { cause: error });
  stop(
    error.code === "EPIPE"
      ? closed
      : (systemError(error) ?? new RocError("INTERNAL", messageOf(error), { cause: error })),
  );
}

function stackOf(error: RocError): string {
  return error.cause instanceof Error ? (error.cause.stack ?? error.message) : String(error.cause);
}

function report(error: RocError, reported: boolean, json: boolean, stdout: Output, stderr: Output): void {
  if (json) stdout.write(errorLine(error));
  if (error.code === "INTERNAL") {
    stderr.write(`error: this is a bug of ours, please report it with these lines:\n${stackOf(error)}\n`);
  } else if (!reported) {
    stderr.write(`error: ${error.message}\n`);
  }
}

/**
 * Runs the program. Never throws.
 *
 * With `--json` among the arguments, an error that ends the program is also one JSON object on standard output,
 * `{"error": {"code", "message"}}`.
 *
 * @param argv the arguments without node and script
 * @param outline of the commands, for their list; default: they are asked themselves
 * @returns the exit code
 */
export async function run(
  argv: readonly string[],
  commands: Commands,
  outside: Omit<Context, "setExitCode">,
  outline?: Outline,
): Promise<number> {
  let [exitCode, endsByStop] = [0, false];
  const setExitCode: Context["setExitCode"] = (code, { stopped = false } = {}) => {
    [exitCode, endsByStop] = [code, stopped];
  };
  const context: Context = { ...outside, setExitCode };
  try {
    const program = createProgram(await importCommands(commands, argv, outline), context);
    if (argv.length === 0) program.help({ error: true });
    checkNpmFlags(program, argv, context.io.env);
    await program.parseAsync([...argv], { from: "user" });
    // What is wrong with the last write is said a turn later.
    await nextTurn();
    const { aborted, reason } = context.signal as { aborted: boolean; reason: unknown };
    if (endsByStop && !isRocError(reason)) return exitCode;
    // Only the rest of the output is lost, which has no reader.
    if (aborted && isRocError(reason) && reason.code !== "OUTPUT_CLOSED") throw reason;
    return aborted ? (isRocError(reason) ? reason : new RocError("ABORTED", "")).exitCode : exitCode;
  } catch (thrown) {
    await nextTurn();
    const error = asError(thrown, context.signal);
    if (error === undefined) return thrown instanceof CommanderError ? thrown.exitCode && ERROR_CODES.USAGE : 0;
    // Commander has reported its own errors already.
    const isReported = thrown instanceof CommanderError && !context.signal.aborted;
    report(error, isReported, argv.includes("--json"), context.io.stdout, context.io.stderr);
    return error.exitCode;
  }
}
