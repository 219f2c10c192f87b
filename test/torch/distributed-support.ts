/** Starts the ranks of a group as processes of this machine, as torchrun would. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { availableBackends } from "../../src/torch/index.js";

/** For a test's `skip`: why no group can be made here; false where one can. */
export const SKIP =
  availableBackends().length > 0 ? false : "this libtorch has no c10d with Gloo, so the addon was built without it";

/** What a rank has written and how it has ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Rank {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Starts `size` processes of a program of ours, each with one thread and the variables of its rank. */
export async function startRanks(size: number, program: URL, args: readonly string[]): Promise<Rank[]> {
  const port = String(await freePort());
  return Array.from({ length: size }, (_, rank) => {
    const env = {
      ...process.env,
      ...{ RANK: String(rank), LOCAL_RANK: String(rank), WORLD_SIZE: String(size) },
      ...{ MASTER_ADDR: "127.0.0.1", MASTER_PORT: port, OMP_NUM_THREADS: "1" },
    };
    const child = spawn(process.execPath, [fileURLToPath(program), ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { child, ended: endOf(child) };
  });
}

/** As {@link startRanks}; waits for their ends. */
export async function runRanks(size: number, program: URL, args: readonly string[]): Promise<Ended[]> {
  const ranks = await startRanks(size, program, args);
  return Promise.all(ranks.map(({ ended }) => ended));
}

/** Collects what a process writes, until it ends. */
export async function endOf(child: ChildProcess): Promise<Ended> {
  const output = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...output };
}
