/**
 * One photo scored by a cold process: the command `score` and a Python process with transformers, in turn and in one run.
 *
 *   npm run bench:start [-- --rounds 9] [--json] [--out FILE.json] [--alone]
 *
 * Both take the same checkpoint: the LLaVA of bench:score, and the demo weights. Python imports torch and transformers, loads the model and
 * computes one prefill, which is quicker than generating. Files are in the page cache. --alone measures our side only.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { DEMO_MODEL } from "../src/engine/demo.js";
import { RocError } from "../src/errors.js";
import { torchVersion } from "../src/torch/index.js";
import { median, peerPython } from "./peer.js";
import { writePhotos } from "./photos.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";
import { TEXTS, writeSmallLlava } from "./small-llava.js";

const MAIN = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const PEER = fileURLToPath(new URL("../../bench/score.py", import.meta.url));
/** Scores of both sides in float32 may differ by this much. */
const TOLERANCE = 1e-3;

interface Run {
  readonly seconds: number;
  /** Of all threads. */
  readonly cpu: number;
  readonly output: string;
}

/** Certificates that every Node process would read before it starts, for the network's sake. */
const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env;

/** Runs a program to its end. The shell tells the processor time of what it ran. */
function run(command: readonly string[], input: string): Run {
  const start = performance.now();
  const done = spawnSync("sh", ["-c", '"$@" || exit 1; times', "sh", ...command], {
    input,
    encoding: "utf8",
    env: ENVIRONMENT,
  });
  const seconds = (performance.now() - start) / 1000;
  if (done.status !== 0) throw new RocError("INTERNAL", `bench: ${command.join(" ")}: ${done.stderr}`);
  const lines = done.stdout.trimEnd().split("\n");
  const times = [...(lines.at(-1) ?? "").matchAll(/(\d+)m([\d.]+)s/g)];
  const cpu = times.reduce((sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest), 0);
  return { seconds, cpu, output: lines[0] ?? "" };
}

interface Side {
  readonly seconds: number;
  readonly cpu: number;
}

interface StartRow {
  readonly model: string;
  readonly ours: Side;
  readonly transformers?: Side;
  /** Our wall time for Python's, and our processor time for Python's: medians of the ratios of neighbouring runs. */
  readonly ratio?: number;
  readonly cpuRatio?: number;
}

function measure(name: string, folder: string, photo: string, rounds: number, python: string | undefined): StartRow {
  const command = [process.execPath, MAIN, "score", photo, "--json", "--model", folder];
  const ours = (...flags: readonly string[]): Run => run([...command, ...flags], "");
  const asked = JSON.stringify({ files: [photo], way: "prefill", batch: 1 });
  const theirs = (): Run => run([python ?? "", PEER, folder, "float32", TEXTS.prompt, TEXTS.answer], `${asked}\n`);
  // Compared in float32, measured with the defaults of both.
  const first = [ours("--dtype", "float32"), ...(python === undefined ? [] : [theirs()])];
  const { score } = JSON.parse(first[0]?.output ?? "") as { score: number };
  if (first[1]) {
    const [found] = (JSON.parse(first[1].output) as { scores: number[] }).scores;
    if (!(Math.abs(score - (found ?? NaN)) <= TOLERANCE)) throw new RocError("INTERNAL", `bench: ${name}: ours ${score}, theirs ${found}`); // prettier-ignore
  }
  const pairs = Array.from({ length: rounds }, () => [ours(), python === undefined ? undefined : theirs()] as const);
  const side = (runs: readonly Run[]): Side => ({ seconds: median(runs.map(({ seconds }) => seconds)), cpu: median(runs.map(({ cpu }) => cpu)) }); // prettier-ignore
  const both = pairs.flatMap(([mine, other]) => (other ? [[mine, other] as const] : []));
  return {
    model: name,
    ours: side(pairs.map(([mine]) => mine)),
    ...(both.length > 0 && {
      transformers: side(both.map(([, other]) => other)),
      ratio: median(both.map(([mine, other]) => mine.seconds / other.seconds)),
      cpuRatio: median(both.map(([mine, other]) => mine.cpu / other.cpu)),
    }),
  };
}

function table(rows: readonly StartRow[]): string {
  const cell = (value: number | undefined): string => (value === undefined ? "-" : value.toFixed(2)).padStart(12);
  const lines = rows.map(
    ({ model, ours, transformers, ratio, cpuRatio }) =>
    [model.padEnd(32), ...[ours.seconds, transformers?.seconds, ratio, ours.cpu, transformers?.cpu, cpuRatio].map(cell)].join(""), // prettier-ignore
  );
  const heads = ["ours, s", "Python, s", "ratio", "ours, CPU s", "Python", "ratio"].map((head) => head.padStart(12));
  return `${["one photo, a cold process".padEnd(32), ...heads].join("")}\n${lines.join("\n")}\n`;
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    ...RESULT_OPTIONS,
    alone: { type: "boolean", default: false },
  },
});
const folder = mkdtempSync(join(tmpdir(), "roc-start-"));
try {
  const python = options.alone ? undefined : peerPython();
  const parameters = await writeSmallLlava(join(folder, "model"));
  const [photo = ""] = await writePhotos(folder, { width: 1152, height: 864 }, 1);
  const models = [[`${(parameters / 1e6).toFixed(1)} million parameters`, join(folder, "model")], ["demo weights", DEMO_MODEL]] as const; // prettier-ignore
  const rows = models.map(([name, path]) => measure(name, path, photo, Number(options.rounds), python));
  const machine = cpus()[0]?.model;
  const text = writeResult(
    {
      machine,
      cores: cpus().length,
      node: process.version,
      torch: torchVersion(),
      rounds: Number(options.rounds),
      results: rows,
    },
    options.out,
  );
  process.stdout.write(options.json ? text : table(rows));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
