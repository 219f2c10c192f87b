/** `roc4mllm serve`: scores over HTTP until it is told to end. */
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { calibrationText } from "../../engine/calibration.js";
import { worthOf } from "../../engine/worth.js";
import { ERROR_CODES, isRocError, messageOf, RocError } from "../../errors.js";
import type { Model } from "../../engine/index.js";
import { isQueueUrl } from "../../queue/address.js";
import type { createServer } from "../../server/index.js";
import { exists } from "../../files/index.js";
import { modelOption } from "../shared/default-model.js";
import type { Context } from "../shared/io.js";
import {
  addIntervalOptions,
  addModelOptions,
  intervalFlags,
  loadNamed,
  packing,
  type IntervalFlags,
  type ModelFlags,
} from "../shared/model-options.js";
import { whole } from "../shared/numbers.js";
import { openQueued } from "../shared/queue.js";
import { printable } from "../shared/printable.js";
import { readToken } from "./token.js";
import { firing, repeated } from "./until.js";

interface Flags extends ModelFlags, IntervalFlags {
  readonly model?: string;
  readonly library?: string;
  readonly host: string;
  readonly port: number;
  readonly tokenFile?: string;
  readonly allowHost?: readonly string[];
  readonly queue: QueueFlag;
  readonly json?: true;
}

/** `--queue`: how many pictures may wait, and where workers are that score them. */
interface QueueFlag {
  readonly limit: number;
  readonly url?: string;
}

type Server = ReturnType<typeof createServer>;

/** How long a request waits for a queue that does not answer. */
const QUEUE_PATIENCE_MS = 20_000;

/** How long connections that do nothing, or send for ever, keep the server from ending. */
const PATIENCE_MS = 60_000;

async function serve(flags: Flags, context: Context): Promise<void> {
  const { io, signal, setExitCode } = context;
  const token = flags.tokenFile === undefined ? undefined : await readToken(flags.tokenFile);
  const { createServer, defaultLibrary, isLoopback, SERVER_LIMITS } = await import("../../server/index.js");
  if (token === undefined && !isLoopback(flags.host)) throw needsToken(flags.host);
  const onNote = (note: string): void => void io.stderr.write(`note: ${note}\n`);
  const limits = { queue: Math.max(flags.queue.limit, SERVER_LIMITS.pictures) };
  const queued = flags.queue.url === undefined ? undefined : await openQueued(flags, flags.queue.url, context, { patienceMs: QUEUE_PATIENCE_MS, forgets: true, onNote }); // prettier-ignore
  using model: Model = queued ?? (await loadHere(flags, context, onNote));
  const workers = queued && { ahead: limits.queue, state: () => queued.state() };
  const library = resolve(flags.library ?? defaultLibrary(io.env));
  if (flags.library !== undefined && !(await exists(library)))
    onNote(
      `${printable(library)} is not there yet; it is shown once it is: roc4mllm library scan FOLDER --library FILE`,
    );
  const onFault = (error: Error): void => {
    // That the queue is away or full has been noted.
    if (queued && isRocError(error) && ["NETWORK", "OUT_OF_MEMORY"].includes(error.code)) return;
    io.stderr.write(`fault: ${error.stack ?? error.message}\n`);
  };
  // Whichever request it is of: the others are answered.
  const onRejection = (reason: unknown): void => onFault(reason instanceof Error ? reason : new Error(messageOf(reason))); // prettier-ignore
  process.on("unhandledRejection", onRejection);
  using _ = { [Symbol.dispose]: () => void process.off("unhandledRejection", onRejection) };
  const server = createServer({ model, workers, library, token, hosts: flags.allowHost, limits, onFault });
  const address = await listen(server, flags);
  if (flags.json) io.stdout.write(`${JSON.stringify({ address, model: model.name, token: token !== undefined })}\n`);
  else io.stderr.write(`${model.name} scores at ${address} (Ctrl-C ends it). ${worthOf(model).text}${model.calibration ? ` ${calibrationText(model.calibration)}.` : ""}\n`); // prettier-ignore
  await firing(signal, model.lost);
  if (!flags.json) io.stderr.write("Ending, once everything that was accepted is answered.\n");
  await close(server);
  // Who watches the process starts it anew.
  if (model.lost?.aborted) throw model.lost.reason as Error;
  setExitCode(0, { stopped: true });
}

function loadHere(flags: Flags, context: Context, onNote: (note: string) => void): Promise<Model> {
  const pack = packing(flags, true);
  return loadNamed(
    flags.model,
    { ...flags, ...intervalFlags(flags), pack, batchSize: flags.batch, onNote, worker: true },
    context,
  );
}

function needsToken(host: string): RocError {
  const remedy = "Give a token (--token-file FILE), or leave the host out to serve this machine alone.";
  return new RocError("USAGE", `--host ${host} can be reached from other machines, by anybody. ${remedy}`);
}

/** @throws RocError USAGE, IN_USE */
async function listen(server: Server, { host, port }: Flags): Promise<string> {
  try {
    return await server.listen({ host, port });
  } catch (error) {
    await server.close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") {
      throw new RocError("IN_USE", `Port ${port} of ${host} is in use. Give another (--port), or 0 for any that is free.`, { cause: error }); // prettier-ignore
    }
    throw new RocError("USAGE", `--host ${host} --port ${port} cannot be served: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Stops to listen and waits for what was accepted. */
async function close(server: Server): Promise<void> {
  const timer = setTimeout(() => server.server.closeAllConnections(), PATIENCE_MS);
  await server.close();
  clearTimeout(timer);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("give a port from 0 (any that is free) to 65535");
}

const HELP = `
Anybody on this machine can ask for scores while it runs; for other machines a token is needed: a file that only you can read,
made by (umask 077; openssl rand -hex 32 > token). Clients send it as Authorization: Bearer TOKEN.

A request is refused with 429 while too many pictures wait. Ctrl-C and SIGTERM end the server once everything that was accepted is
answered; the exit code is then 0. It is ${ERROR_CODES.IN_USE} where the port is in use, and ${ERROR_CODES.INTERNAL}, ${ERROR_CODES.OUT_OF_MEMORY} or ${ERROR_CODES.DEVICE_LOST} where
the model is lost (its thread has ended by a fault, its GPU has failed): what can be answered still is, and whoever watches the
process can start it anew.

With --queue redis://HOST:PORT no model is loaded: workers score (roc4mllm worker), and --model chooses among what they offer. Options
about the model are theirs.

Examples:
  roc4mllm serve
  roc4mllm serve --port 0 --json
  curl -F file=@photo.jpg http://127.0.0.1:8080/v1/score
  roc4mllm serve --host 0.0.0.0 --token-file ~/.config/roc4mllm/token

More: docs/serve.md for those who write clients, docs/operate.md for those who run it. GET /docs shows all requests.`;

/** The command. */
export function serveCommand(context: Context): Command {
  const command = new Command("serve")
    .description("score photos over HTTP: a page for photographers, an API for programs")
    .addOption(modelOption(context.io))
    .option("--library <file>", "library whose photos are shown (default: the one that library scan makes)")
    .option("--host <address>", "address to listen on; others than loopback need a token", "127.0.0.1")
    .option("--port <n>", "port to listen on; 0: any that is free", parsePort, 8080)
    .option("--token-file <file>", "file with the token that requests have to bring")
    .option(
      "--allow-host <name>",
      "name that clients call this server by, as a reverse proxy's; again for more",
      repeated,
    )
    .addOption(
      new Option(
        "--queue <n or url>",
        "pictures that may wait, further ones being told 429; or redis://HOST:PORT, whose workers then score them",
      )
        .argParser(queueFlag)
        .default({ limit: 256 }, "256"),
    )
    .option("--json", "one object on standard output once it listens: {address, model, token}");
  return addIntervalOptions(addModelOptions(command))
    .addHelpText("after", HELP)
    .action((flags: Flags) => serve(flags, context));
}

/** A number or an address; who wants both gives both. @throws InvalidArgumentError */
function queueFlag(text: string, before: QueueFlag): QueueFlag {
  return isQueueUrl(text) ? { ...before, url: text } : { ...before, limit: whole(1)(text) };
}
