/**
 * Photos from files to scores by a LLaVA of 31 million parameters at 336 pixels: ours, the authors' way and batched prefill in
 * Python's transformers, in turn and in one run.
 *
 *   npm run bench:score [-- --rounds 5] [--photos 16] [--json] [--out FILE.json] [--alone] [--quick]
 *
 * The authors' way generates the answer for one picture after another, with the logits of the whole vocabulary, and takes those of
 * the score tokens at the position token. --alone measures our side only; --quick does it on a few tiny pictures with a tiny
 * model. `PYTHON` names a Python with torch and transformers; both sides take OMP_NUM_THREADS, or their own default.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RocError } from "../src/errors.js";
import { torchVersion } from "../src/torch/index.js";
import { median, Peer, peerPython } from "./peer.js";
import { writePhotos } from "./photos.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";
import { TEXTS, TINY_LLAVA, writeSmallLlava } from "./small-llava.js";

/** Scores of both sides in float32 may differ by this much. */
const TOLERANCE = 1e-3;

interface Answer {
  readonly seconds: number;
  /** Of all threads. */
  readonly cpu: number;
  /** Bytes. */
  readonly peak: number;
  readonly scores: readonly number[];
  readonly settings: Readonly<Record<string, unknown>>;
}

interface Way {
  readonly name: string;
  readonly dtype: string;
  readonly ask: (files: readonly string[]) => Promise<Answer>;
}

interface Row {
  readonly way: string;
  readonly picturesPerSecond: number;
  readonly cpuSecondsPerPicture: number;
  readonly peakBytes: number;
  /** How often as fast as each of the peer's ways: medians of the ratios of neighbouring rounds. */
  readonly times: Readonly<Record<string, number>>;
  /** The same of processor seconds, which other work on the machine disturbs less. */
  readonly cpuTimes: Readonly<Record<string, number>>;
  /** Largest difference from the first way's scores. */
  readonly drift: number;
}

interface FolderRows {
  readonly photos: string;
  readonly rows: readonly Row[];
}

export interface ScoreBench {
  readonly machine: string | undefined;
  readonly cores: number;
  readonly torch: string;
  readonly peer: unknown;
  readonly parameters: number;
  readonly rounds: number;
  readonly folders: readonly FolderRows[];
}

export interface ScoreBenchOptions {
  readonly rounds: number;
  /** Of 1 megapixel; of 12 half as many. */
  readonly photos: number;
  /** Without the peer. */
  readonly alone?: boolean;
  /** Tiny pictures and a tiny model. */
  readonly quick?: boolean;
}

const OURS: readonly (readonly [name: string, dtype: string, batch: string, pack?: string])[] = [
  ["default", "-", "-"],
  ["float32, batch 1", "float32", "1"],
  ["float32, batch 8", "float32", "8"],
  ["bfloat16, batch 1", "bfloat16", "1"],
  ["bfloat16, batch 8", "bfloat16", "8"],
  ["bfloat16, packed", "bfloat16", "1", "auto"],
];
const THEIRS: readonly (readonly [name: string, dtype: string, way: string, batch: number])[] = [
  ["authors' way, float32", "float32", "generate", 1],
  ["batches of 8, float32", "float32", "prefill", 8],
  ["authors' way, bfloat16", "bfloat16", "generate", 1],
  ["batches of 8, bfloat16", "bfloat16", "prefill", 8],
];

/** Measures in a temporary folder, which is removed. */
export async function benchScore({
  rounds,
  photos,
  alone = false,
  quick = false,
}: ScoreBenchOptions): Promise<ScoreBench> {
  const folder = mkdtempSync(join(tmpdir(), "roc-score-"));
  const peers: Peer[] = [];
  try {
    const checkpoint = join(folder, "model");
    const parameters = await writeSmallLlava(checkpoint, quick ? TINY_LLAVA : undefined);
    const folders = await writeFolders(folder, photos, quick);
    const ways = [...ourWays(checkpoint, peers), ...(alone ? [] : theirWays(checkpoint, peers))];
    const measured: FolderRows[] = [];
    let peer: unknown = null;
    for (const [name, files] of folders) {
      const { answers, settings } = await measure(name, ways, files, rounds);
      measured.push({ photos: `${files.length} of ${name}`, rows: rowsOf(ways, answers, files.length) });
      peer = settings;
    }
    const machine = cpus()[0]?.model;
    return { machine, cores: cpus().length, torch: torchVersion(), peer, parameters, rounds, folders: measured };
  } finally {
    for (const peer of peers) await peer.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function writeFolders(
  folder: string,
  photos: number,
  quick: boolean,
): Promise<[name: string, files: string[]][]> {
  const sizes = quick
    ? ([["0.02 megapixels", 160, 120, photos]] as const)
    : ([["1 megapixel", 1152, 864, photos], ["12 megapixels", 4032, 3024, Math.ceil(photos / 2)]] as const); // prettier-ignore
  const written: [string, string[]][] = [];
  for (const [name, width, height, count] of sizes)
    written.push([name, await writePhotos(join(folder, name), { width, height }, count)]);
  return written;
}

function ourWays(checkpoint: string, peers: Peer[]): Way[] {
  const worker = fileURLToPath(new URL("score-worker.js", import.meta.url));
  return OURS.map(([name, dtype, batch, pack = "-"]) => {
    const peer = new Peer(worker, [checkpoint, dtype, batch, pack], process.execPath);
    peers.push(peer);
    return { name, dtype, ask: (files) => peer.ask<Answer>(JSON.stringify({ files })) };
  });
}

function theirWays(checkpoint: string, peers: Peer[]): Way[] {
  const python = peerPython();
  const processes = new Map<string, Peer>();
  return THEIRS.map(([name, dtype, way, batch]) => {
    const peer = processes.get(dtype) ?? new Peer("score.py", [checkpoint, dtype, TEXTS.prompt, TEXTS.answer], python);
    if (!processes.has(dtype)) peers.push(peer);
    processes.set(dtype, peer);
    return { name, dtype, ask: (files) => peer.ask<Answer>(JSON.stringify({ files, way, batch })) };
  });
}

/** Answers of every way, round by round; a first round, unmeasured, is compared. */
async function measure(
  folder: string,
  ways: readonly Way[],
  files: readonly string[],
  rounds: number,
): Promise<{ answers: Answer[][]; settings: unknown }> {
  const first = await each(ways, (way) => way.ask(files));
  checkScores(ways, first);
  const answers: Answer[][] = ways.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, way] of ways.entries()) answers[i]?.push(await way.ask(files));
    process.stderr.write(`bench: ${folder}, round ${round + 1} of ${rounds}\n`);
  }
  return { answers, settings: ways.length > OURS.length ? first.at(-1)?.settings : null };
}

async function each<In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<Out[]> {
  const done: Out[] = [];
  for (const item of items) done.push(await work(item));
  return done;
}

function checkScores(ways: readonly Way[], answers: readonly Answer[]): void {
  const all = ways.map(({ name, dtype }, i) => ({ name, dtype, scores: answers[i]?.scores ?? [] }));
  const [reference] = all.filter(({ dtype }) => dtype === "float32");
  const scores = reference?.scores ?? [];
  const spread = Math.max(...scores) - Math.min(...scores);
  if (!(spread > 10 * TOLERANCE)) throw new RocError("INTERNAL", `bench: the scores differ by ${spread} only, so that equal ones say nothing`); // prettier-ignore
  for (const { name, dtype, scores: found } of all) {
    const difference = largest(found, scores);
    if (dtype === "float32" && !(difference <= TOLERANCE)) throw new RocError("INTERNAL", `bench: the scores of "${name}" differ from ours by ${difference}`); // prettier-ignore
  }
}

function largest(some: readonly number[], others: readonly number[]): number {
  return Math.max(...some.map((value, i) => Math.abs(value - (others[i] ?? NaN))));
}

function rowsOf(ways: readonly Way[], answers: readonly (readonly Answer[])[], photos: number): Row[] {
  const ratios = (mine: readonly Answer[], key: "seconds" | "cpu"): Record<string, number> =>
    Object.fromEntries(
      ways.slice(OURS.length).map(({ name }, i) => {
        const theirs = answers[OURS.length + i] ?? [];
        return [name, median(mine.map((answer, round) => (theirs[round]?.[key] ?? NaN) / answer[key]))];
      }),
    );
  return ways.map(({ name }, i) => {
    const mine = answers[i] ?? [];
    return {
      way: name,
      picturesPerSecond: photos / median(mine.map(({ seconds }) => seconds)),
      cpuSecondsPerPicture: median(mine.map(({ cpu }) => cpu)) / photos,
      peakBytes: mine.at(-1)?.peak ?? NaN,
      times: ratios(mine, "seconds"),
      cpuTimes: ratios(mine, "cpu"),
      drift: largest(mine[0]?.scores ?? [], answers[1]?.[0]?.scores ?? []),
    };
  });
}

/** One table a folder: ways by figures. */
export function scoreTable({ machine, cores, parameters, rounds, folders }: ScoreBench): string {
  const lines = [`${(parameters / 1e6).toFixed(1)} million parameters on ${cores} cores of ${machine}; medians of ${rounds} rounds`]; // prettier-ignore
  for (const { photos, rows } of folders) {
    const peers = Object.keys(rows[0]?.times ?? {});
    const heads = ["pictures/s", "CPU s each", "drift", ...peers.map((name) => name.replace(" way", "").replace("batches of ", "x").replace("float", "f").replace("bfloat", "bf"))]; // prettier-ignore
    lines.push("", `${photos.padEnd(26)}${heads.map((head) => head.padStart(15)).join("")}`);
    for (const { way, picturesPerSecond, cpuSecondsPerPicture, drift, times, cpuTimes } of rows) {
      const cells = [picturesPerSecond.toFixed(2), cpuSecondsPerPicture.toFixed(3), drift.toExponential(1)];
      const ratios = peers.map((name) => `${times[name]?.toFixed(2)} (${cpuTimes[name]?.toFixed(2)})`);
      lines.push(`${way.padEnd(26)}${[...cells, ...ratios].map((cell) => cell.padStart(15)).join("")}`);
    }
  }
  return `${lines.join("\n")}\nRatios: how often as fast as the peer, and in brackets by processor time.\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      photos: { type: "string", default: "16" },
      ...RESULT_OPTIONS,
      alone: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
    },
  });
  const { rounds, photos, alone, quick, json, out } = values;
  const found = await benchScore({ rounds: Number(rounds), photos: Number(photos), alone: alone || quick, quick });
  const text = writeResult(found, out);
  process.stdout.write(json ? text : scoreTable(found));
}
