/**
 * All that is measured on a GPU, within minutes and in one table: the rate of products, prefill, decoding, training and scoring of pictures from disk, with
 * the peaks of memory.
 *
 *   npm run bench:gpu [-- --peer] [--device cuda] [--minutes 5] [--rounds 5] [--only PART,...] [--json] [--out FILE.json]
 *   npm run bench:gpu -- --device cpu --quick
 *
 * Every part runs in a process of its own with seconds of its own: one that fails or takes too long is told, and the others
 * still run. --peer measures transformers beside it in the same way (`PYTHON`, or python3). --quick takes tiny sizes.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ERROR_CODES, isRocError, RocError, type ErrorCode } from "../src/errors.js";
import { checkDevice, torchVersion } from "../src/torch/index.js";
import { inputsOf, PLAN, type Figure, type Part } from "./gpu-parts.js";
import { peerPython } from "./peer.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";

const WORKER = fileURLToPath(new URL("gpu-worker.js", import.meta.url));
const PEER = fileURLToPath(new URL("../../bench/gpu.py", import.meta.url));
/** Between two looks at the GPU's memory. */
const LOOK_MS = 250;

type Side = "ours" | "transformers";

interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
}

interface Measured {
  readonly part: string;
  readonly side: Side;
  readonly seconds: number;
  readonly figures: readonly Figure[];
  /** Most bytes: of the GPU, else of the process. */
  readonly peakBytes: number | null;
  readonly error?: Fault;
  /** transformers' figures, where the part measures both sides in turn. */
  readonly theirs?: readonly Figure[];
}

export interface GpuBench {
  readonly device: string;
  readonly card: string | null;
  readonly machine: string | undefined;
  readonly torch: string;
  readonly quick: boolean;
  readonly seconds: number;
  readonly results: readonly Measured[];
}

export interface GpuBenchOptions {
  readonly device?: string | undefined;
  readonly minutes?: number | undefined;
  readonly rounds?: number | undefined;
  readonly quick?: boolean | undefined;
  readonly peer?: boolean | undefined;
  /** Names of parts; default: all. */
  readonly only?: readonly string[] | undefined;
}

/** @throws RocError USAGE where the device is not here, or no part has such a name */
export async function benchGpu(options: GpuBenchOptions): Promise<GpuBench> {
  const { device = "cuda", minutes = 5, rounds = 5, quick = false, peer = false, only } = options;
  checkDevice(device);
  const unknown = only?.find((name) => !PLAN.some(({ part }) => part === name));
  if (unknown !== undefined) throw new RocError("USAGE", `--only: there is no part ${unknown}; there are ${[...new Set(PLAN.map(({ part }) => part))].join(", ")}.`); // prettier-ignore
  const python = peer ? peerPython() : undefined;
  const [start, results] = [performance.now(), [] as Measured[]];
  const left = (): number => minutes * 60 - (performance.now() - start) / 1000;
  for (const { seconds, alone = false, ...plan } of PLAN) {
    if (only && !only.includes(plan.part)) continue;
    const part: Part = { ...plan, ...(quick && plan.batches && { batches: [1, 2] }), rounds, device, quick, peer }; // prettier-ignore
    const name = [part.part, part.model].filter((word) => word !== undefined).join(" ");
    results.push(await measure(name, "ours", [process.execPath, WORKER, JSON.stringify(part)], Math.min(seconds, left()), device)); // prettier-ignore
    if (python === undefined || alone) continue;
    const command = (given: object): string[] => [python, PEER, JSON.stringify(part), JSON.stringify(given)];
    const budget = Math.min(seconds, left());
    results.push(await withPeerInputs(part, (given) => measure(name, "transformers", command(given), budget, device)));
  }
  const all = (performance.now() - start) / 1000;
  const machine = cpus()[0]?.model;
  return { device, card: cardOf(device), machine, torch: torchVersion(), quick, seconds: all, results };
}

/** The config for transformers in a folder, with the inputs. */
async function withPeerInputs(part: Part, body: (given: object) => Promise<Measured>): Promise<Measured> {
  if (part.model === undefined) return body({});
  const { config, inputIds, pixelShape, grid } = inputsOf(part);
  const folder = mkdtempSync(join(tmpdir(), "roc-gpu-"));
  try {
    // transformers refuses whole numbers for its floats.
    const text = JSON.stringify(config, null, 2).replace(/("\w+_(?:theta|eps)": -?\d+)(?=,?\n)/g, "$1.0");
    writeFileSync(join(folder, "config.json"), text);
    const imageId = config["image_token_id"] ?? config["image_token_index"];
    return await body({ folder, inputIds, pixelShape: pixelShape(1), grid, imageId });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs one side of one part; whatever goes wrong is in the result. */
async function measure(
  part: string,
  side: Side,
  [program = "", ...args]: readonly string[],
  seconds: number,
  device: string,
): Promise<Measured> {
  const start = performance.now();
  const result = (more: Pick<Measured, "figures" | "peakBytes" | "theirs" | "error">): Measured => {
    const measured = { part, side, seconds: (performance.now() - start) / 1000, ...more };
    process.stderr.write(`bench: ${part}, ${side}: ${measured.error?.message ?? `${measured.seconds.toFixed(1)} s`}\n`);
    return measured;
  };
  const failed = (code: ErrorCode, message: string): Measured => result({ figures: [], peakBytes: null, error: { code, message } }); // prettier-ignore
  if (seconds < 1) return failed("ABORTED", "not run: no time is left (--minutes)");
  // A group of its own, so that what it has started ends with it.
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const said = { out: "", error: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.error = (said.error + text).slice(-2000)));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, seconds * 1000);
  const looks = watchMemory(device);
  const ended = (await once(child, "close").catch(() => [null])) as [number | null];
  clearTimeout(timer);
  const peak = looks.stop();
  if (late) return failed("ABORTED", `stopped after ${seconds.toFixed(0)} s`);
  const [last = ""] = said.out.trimEnd().split("\n").slice(-1);
  if (!last.startsWith("{")) return failed("INTERNAL", `ended with ${ended[0]}: ${said.error.trim().split("\n").at(-1)}`); // prettier-ignore
  const answer = JSON.parse(last) as { figures: Figure[]; theirs?: Figure[]; peak: number } | { error: Fault };
  if ("error" in answer) return failed(answer.error.code, answer.error.message);
  const { figures, theirs } = answer;
  return result({ figures, ...(theirs && { theirs }), peakBytes: peak ?? answer.peak });
}

/** What nvidia-smi says of the first card, or of the one that the device names. */
function ask(device: string, field: string): string | undefined {
  const [kind, index = "0"] = device.split(":");
  if (kind !== "cuda") return undefined;
  const args = [`--query-gpu=${field}`, "--format=csv,noheader,nounits", `--id=${index}`];
  const { status, stdout } = spawnSync("nvidia-smi", args, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

function cardOf(device: string): string | null {
  return ask(device, "name") ?? null;
}

function watchMemory(device: string): { stop(): number | undefined } {
  let most: number | undefined;
  const look = (): void => {
    const used = Number(ask(device, "memory.used") ?? NaN) * 2 ** 20;
    if (used > (most ?? 0)) most = used;
  };
  const timer = device.startsWith("cuda") ? setInterval(look, LOOK_MS) : undefined;
  return {
    stop: () => {
      clearInterval(timer);
      return most;
    },
  };
}

/** A line a figure: ours, transformers', how often as fast, and the peak of the part. */
export function gpuTable({ device, card, machine, torch, seconds, results }: GpuBench): string {
  const lines = [`${card ?? machine} (${device}), libtorch ${torch}; ${seconds.toFixed(0)} s in all`, ""];
  const gigabytes = (bytes: number | null | undefined): string => (bytes ? (bytes / 1e9).toFixed(1) : "-");
  const row = (cells: readonly string[]): string => cells.map((cell, i) => (i < 2 ? cell.padEnd(i === 0 ? 24 : 44) : cell.padStart(14))).join("").trimEnd(); // prettier-ignore
  lines.push(row(["part", "what", "ours", "transformers", "times", "peak, GB", "theirs"]));
  for (const mine of results.filter(({ side }) => side === "ours")) {
    const theirs = results.find(({ part, side }) => part === mine.part && side === "transformers");
    for (const { what, unit, value } of mine.figures) {
      const other = [...(mine.theirs ?? []), ...(theirs?.figures ?? [])].find((figure) => figure.what === what)?.value;
      const times = other === undefined ? undefined : unit.startsWith("ms") ? other / value : value / other;
      const numbers = [value, other].map((number) => number?.toPrecision(3) ?? "-");
      lines.push(row([mine.part, `${what}, ${unit}`, ...numbers, times?.toFixed(2) ?? "-", gigabytes(mine.peakBytes), gigabytes(theirs?.peakBytes)])); // prettier-ignore
    }
    for (const { side, error } of [mine, theirs].flatMap((one) => one ?? []))
      if (error) lines.push(row([mine.part, `${side} failed: ${error.message} (${error.code})`]));
  }
  return `${lines.join("\n")}\n`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      device: { type: "string", default: "cuda" },
      minutes: { type: "string", default: "5" },
      rounds: { type: "string", default: "5" },
      only: { type: "string" },
      peer: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      ...RESULT_OPTIONS,
    },
  });
  const { device, quick, peer, minutes, rounds, only, json, out } = values;
  const numbers = { minutes: Number(minutes), rounds: Number(rounds) };
  const found = await benchGpu({ device, quick, peer, ...numbers, only: only?.split(",") });
  const text = writeResult(found, out);
  process.stdout.write(json ? text : gpuTable(found));
  const [fault] = found.results.flatMap(({ error }) => error ?? []);
  if (fault) process.exitCode = ERROR_CODES[fault.code];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error: unknown) => {
    if (!isRocError(error)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = error.exitCode;
  });
}
