/**
 * The Python side of a benchmark: a process with torch of the same version as ours, which measures on request, so that
 * the two can be timed alternately on a noisy machine.
 */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { RocError } from "../src/errors.js";
import { torchVersion } from "../src/torch/index.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const VENV = `${ROOT}.cache/bench-python`;

function torchOf(python: string): string | undefined {
  const probe = spawnSync(python, ["-c", "import torch; print(torch.__version__)"], { encoding: "utf8" });
  return probe.status === 0 ? probe.stdout.trim().split("+")[0] : undefined;
}

function install(version: string): string {
  const python = `${VENV}/bin/python`;
  process.stderr.write(`bench: installing torch ${version} for Python into .cache/bench-python\n`);
  const steps: [string, string[]][] = [
    ["python3", ["-m", "venv", VENV]],
    [python, ["-m", "pip", "install", "--quiet", `torch==${version}`, "numpy"]],
  ];
  for (const [command, args] of steps) {
    const done = spawnSync(command, args, { stdio: ["ignore", 2, 2] });
    if (done.status !== 0) {
      throw new RocError(
        "USAGE",
        `bench: "${command} ${args.join(" ")}" failed. Set PYTHON to one with torch ${version}.`,
      );
    }
  }
  return python;
}

/** A Python that imports torch of our version: `PYTHON`, python3, or one made in .cache/. */
export function findPython(): string {
  const version = torchVersion();
  const candidates = [process.env["PYTHON"], "python3", `${VENV}/bin/python`].filter((path) => path !== undefined);
  const found = candidates.find((path) => (path.includes("/") ? existsSync(path) : true) && torchOf(path) === version);
  return found ?? install(version);
}

/**
 * A Python that imports a package other than torch: `PYTHON`, python3, or one made in .cache/.
 *
 * @param requirement what pip is given, several of them with blanks between
 */
export function pythonWith(module: string, requirement: string): string {
  const has = (python: string): boolean => spawnSync(python, ["-c", `import ${module}`]).status === 0;
  const own = `${ROOT}.cache/bench-${module.toLowerCase()}`;
  const found = [process.env["PYTHON"], `${own}/bin/python`, "python3"].find(
    (python) => python && (!python.includes("/") || existsSync(python)) && has(python),
  );
  if (found !== undefined) return found;
  process.stderr.write(`bench: installing ${requirement} for Python into .cache/bench-${module.toLowerCase()}\n`);
  spawnSync("python3", ["-m", "venv", own], { stdio: ["ignore", 2, 2] });
  const python = `${own}/bin/python`;
  spawnSync(python, ["-m", "pip", "install", "--quiet", ...requirement.split(" ")], { stdio: ["ignore", 2, 2] });
  if (has(python)) return python;
  throw new RocError("USAGE", `bench: ${requirement} could not be installed. Set PYTHON to one that has it.`);
}

/** A Python that imports transformers, with torch of our version where it has to be installed. */
export function peerPython(): string {
  return pythonWith("transformers", `torch==${torchVersion()} transformers==5.24.0 pillow numpy`);
}

/**
 * Keeps this process, and what it starts from now on, on one core (Linux): two processes that alternate are then slowed alike
 * by whatever else the machine does, where on a core each one may be slow for as long as it stays there.
 */
export function stayOnOneCore(): void {
  if (process.platform !== "linux") return;
  const allowed = /^Cpus_allowed_list:.*?(\d+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  if (allowed !== undefined) spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", allowed, String(process.pid)]);
}

/** A Python process that answers each line of input with one line of output. */
export class Peer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  /** @param script a file of bench/, or with another `program` than Python an absolute path */
  constructor(script: string, args: readonly string[] = [], program = findPython()) {
    this.#process = spawn(program, [script.startsWith("/") ? script : `${ROOT}bench/${script}`, ...args]);
    this.#process.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** Sends a line and waits for the answer, parsed as JSON. */
  async ask<T>(line: string): Promise<T> {
    this.#process.stdin.write(`${line}\n`);
    const answer = await this.#lines.next();
    if (answer.done === true)
      throw new RocError("INTERNAL", `bench: the Python peer ended before it answered "${line}"`);
    return JSON.parse(answer.value) as T;
  }

  /** Ends the process and waits for its end. */
  async close(): Promise<void> {
    const ended = this.#process.exitCode === null ? once(this.#process, "exit") : undefined;
    this.#process.stdin.end();
    await ended;
  }
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}
