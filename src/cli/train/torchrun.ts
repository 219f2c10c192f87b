/** `roc4mllm torchrun`: several processes on this machine, or its part of several machines, without Python's torchrun. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { LAUNCHER } from "#scripts/parent.mjs";
import { RocError } from "../../errors.js";
import type { Context } from "../shared/io.js";
import { whole } from "../shared/numbers.js";

interface Flags {
  readonly nprocPerNode: number;
  readonly nnodes: number;
  readonly nodeRank: number;
  readonly masterAddr: string;
  readonly masterPort: number | undefined;
  /** Commander's name of `--no-python`. */
  readonly python: boolean;
}

/** As commander gives them: the names with underscores, and those with hyphens in its own writing. */
interface Given extends Partial<Flags> {
  readonly nproc_per_node?: number;
  readonly node_rank?: number;
  readonly master_addr?: string;
  readonly master_port?: number;
}

function flagsOf(given: Given): Flags {
  return {
    nprocPerNode: given.nproc_per_node ?? given.nprocPerNode ?? 1,
    nnodes: given.nnodes ?? 1,
    nodeRank: given.node_rank ?? given.nodeRank ?? 0,
    masterAddr: given.master_addr ?? given.masterAddr ?? "127.0.0.1",
    masterPort: given.master_port ?? given.masterPort,
    python: given.python ?? true,
  };
}

/** How long the other processes may take to end after one has failed. */
const GRACE_MS = 30_000;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** The program and its arguments: this one, unless `--no-python` says that they name one. */
function programOf(words: readonly string[], python: boolean): [string, string[]] {
  const [first = "", ...rest] = words;
  if (!python) return [first, rest];
  return [process.execPath, [fileURLToPath(new URL("../main.js", import.meta.url)), ...words]];
}

/** Environment of one process, as torchrun sets it. */
function environmentOf(flags: Flags, local: number, port: number, env: Context["io"]["env"]): NodeJS.ProcessEnv {
  const { nprocPerNode, nnodes, nodeRank, masterAddr } = flags;
  const threads = Math.max(1, Math.floor(availableParallelism() / nprocPerNode));
  return {
    ...env,
    OMP_NUM_THREADS: env["OMP_NUM_THREADS"] ?? String(threads),
    RANK: String(nodeRank * nprocPerNode + local),
    LOCAL_RANK: String(local),
    WORLD_SIZE: String(nnodes * nprocPerNode),
    LOCAL_WORLD_SIZE: String(nprocPerNode),
    GROUP_RANK: String(nodeRank),
    MASTER_ADDR: masterAddr,
    MASTER_PORT: String(port),
    [LAUNCHER]: String(process.pid),
  };
}

/** Terminates all; a process that does not end in time is killed. */
function endAll(children: readonly ChildProcess[]): void {
  const living = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
  for (const child of living) child.kill("SIGTERM");
  setTimeout(() => living.forEach((child) => child.kill("SIGKILL")), GRACE_MS).unref();
}

/** Waits for all; where one fails the others are ended. @returns the exit code of the first that failed, else 0 */
async function waitForAll(children: readonly ChildProcess[], signal: AbortSignal): Promise<number> {
  let failed = 0;
  const stop = (): void => endAll(children);
  signal.addEventListener("abort", stop);
  const ends = children.map(async (child, rank) => {
    const [code] = (await once(child, "exit").catch((error: NodeJS.ErrnoException) => {
      stop();
      throw new RocError("USAGE", `process ${rank} does not start: ${error.message}`, { cause: error });
    })) as [number | null];
    if (code === 0 || failed !== 0) return;
    failed = code ?? 1;
    stop();
  });
  try {
    await Promise.all(ends);
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return failed;
}

async function torchrun(words: readonly string[], flags: Flags, { io, signal, setExitCode }: Context): Promise<void> {
  const { nprocPerNode, nnodes, nodeRank, masterPort, python } = flags;
  if (nodeRank >= nnodes) throw new RocError("USAGE", `--node_rank ${nodeRank} of ${nnodes} nodes; they count from 0`);
  if (nnodes > 1 && masterPort === undefined) {
    throw new RocError("USAGE", "Several nodes need --master_addr and --master_port, the same on each.");
  }
  const port = masterPort ?? (await freePort());
  const [command, args] = programOf(words, python);
  const children = Array.from({ length: nprocPerNode }, (_, local) =>
    spawn(command, args, { stdio: "inherit", env: environmentOf(flags, local, port, io.env) }),
  );
  const code = await waitForAll(children, signal);
  if (code !== 0) setExitCode(code);
}

const HELP = `
Everything behind the options is a command of this program (train CONFIG ...); with --no-python it is any program. It gets
RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT, and OMP_NUM_THREADS where that is not set. Where
one process fails the others are ended; commands of this program end, with a state, where torchrun itself is killed. Python's torchrun works as well, where Python's torch does:
torchrun --no-python ... node dist/src/cli/main.js train CONFIG

Examples:
  roc4mllm torchrun --nproc_per_node 2 train CONFIG --shard-optimizer
  roc4mllm torchrun --nnodes 2 --node_rank 0 --master_addr 10.0.0.1 --master_port 29500 --nproc_per_node 4 train CONFIG`;

const OPTIONS = [
  ["nproc_per_node", "n", "processes on this machine (default: 1)", whole(1)],
  ["nnodes", "n", "machines (default: 1)", whole(1)],
  ["node_rank", "n", "which of the machines this is, from 0 (default: 0)", whole(0)],
  ["master_addr", "host", "where the first process listens (default: 127.0.0.1)", String],
  ["master_port", "port", "and on which port (default: a free one)", whole(1, 65_535)],
] as const;

/** The command. Its options are torchrun's, which are written with underscores or with hyphens. */
export function torchrunCommand(context: Context): Command {
  const command = new Command("torchrun")
    .description("run a command in several processes that train together")
    .argument("<command...>", "what each process runs")
    .passThroughOptions();
  for (const [name, value, text, parse] of OPTIONS) {
    command.addOption(new Option(`--${name} <${value}>`, text).argParser<number | string>(parse));
    const hyphens = new Option(`--${name.replaceAll("_", "-")} <${value}>`, text).hideHelp();
    if (hyphens.long !== `--${name}`) command.addOption(hyphens.argParser<number | string>(parse));
  }
  return command
    .option("--standalone", "all on this machine; as by default")
    .option("--no-python", "what follows is a program, not a command of this one")
    .addHelpText("after", HELP)
    .action((words: string[], given: Given) => torchrun(words, flagsOf(given), context));
}
