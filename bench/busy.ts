/**
 * `npm run bench:busy [-- REPEATS]`: what waiting threads cost beside other work.
 *
 * Each job runs by the default and by every alternative in turn, on an idle machine and beside two busy loops per core. The figure that
 * counts is the default's time over that of the best alternative in the same surroundings: at most 1.5 is wanted.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeStudio } from "../src/studio/index.js";
import { RocError } from "../src/errors.js";
import { median } from "./peer.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MAIN = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const WORKER = fileURLToPath(new URL("./busy-worker.js", import.meta.url));
const PHOTOS = 240;
const LOOPS_PER_CORE = 2;
/** Ends with the process that started it, however that ends. */
const LOOP = "const parent = process.ppid; while (process.ppid === parent) for (let i = 0; i < 1e8; i++);";

/** Variables on top of an environment without any of them. */
const WAYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  default: {},
  "1 thread": { OMP_NUM_THREADS: "1" },
  "sleep immediately": { OMP_WAIT_POLICY: "PASSIVE", GOMP_SPINCOUNT: "0" },
  "spin 100,000": { OMP_WAIT_POLICY: "PASSIVE", GOMP_SPINCOUNT: "100000" },
};
const TUNED = ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"];

type Jobs = Readonly<Record<string, readonly string[]>>;

async function makeJobs(folder: string): Promise<Jobs> {
  const photos = join(folder, "photos");
  await mkdir(photos);
  const examples = await readdir(`${ROOT}examples/photos`);
  for (let i = 0; i < PHOTOS; i++) {
    await copyFile(`${ROOT}examples/photos/${examples[i % examples.length]}`, join(photos, `${i}.jpg`));
  }
  await writeStudio(join(folder, "studio"), { count: 64, longEdge: 96 });
  const run = ["--data", join(folder, "studio"), "--model", `${ROOT}models/demo`, "--out", join(folder, "run")];
  return {
    [`score ${PHOTOS} photos, demo`]: [MAIN, "score", photos, "--json"],
    "train 20 steps of 16, demo": [MAIN, "train", ...run, ..."--steps 20 --batch 16 --every 20 --fresh".split(" ")],
    "50 tokens, a small model": [WORKER, "tokens"],
    "12 prefills, 31 million parameters": [WORKER, "prefill"],
  };
}

/** Seconds of a whole process. */
async function secondsOf(args: readonly string[], way: Readonly<Record<string, string>>): Promise<number> {
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of TUNED) delete env[name];
  const start = performance.now();
  const child = spawn(process.execPath, args, { env: { ...env, ...way }, stdio: ["ignore", "ignore", "pipe"] });
  let error = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (error = (error + text).slice(-2000)));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new RocError("INTERNAL", `bench: ${args.join(" ")} ended with ${code}: ${error}`);
  return (performance.now() - start) / 1000;
}

async function measure(jobs: Jobs, repeats: number): Promise<Record<string, Record<string, number>>> {
  const found: Record<string, Record<string, number>> = {};
  for (const [job, args] of Object.entries(jobs)) {
    const seconds = new Map(Object.keys(WAYS).map((name) => [name, [] as number[]]));
    for (let repeat = 0; repeat < repeats; repeat++)
      for (const [name, way] of Object.entries(WAYS)) seconds.get(name)?.push(await secondsOf(args, way));
    found[job] = Object.fromEntries([...seconds].map(([name, values]) => [name, median(values)]));
    process.stderr.write(`bench: ${job}: ${JSON.stringify(found[job])}\n`);
  }
  return found;
}

/** Processes that only compute. */
async function besideLoops<T>(body: () => Promise<T>): Promise<T> {
  const loops: ChildProcess[] = [];
  try {
    const count = LOOPS_PER_CORE * availableParallelism();
    for (let i = 0; i < count; i++) loops.push(spawn(process.execPath, ["-e", LOOP], { stdio: "ignore" }));
    return await body();
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
  }
}

function tableOf(title: string, found: Record<string, Record<string, number>>): string {
  const rows = Object.entries(found).map(([job, seconds]) => {
    const best = Math.min(...Object.values(seconds));
    const ratio = (seconds["default"] ?? NaN) / best;
    return [job.padEnd(36), ...Object.values(seconds).map((value) => value.toFixed(2).padStart(14)), ratio.toFixed(2).padStart(14)].join(""); // prettier-ignore
  });
  const names = [...Object.keys(WAYS), "default/best"].map((name) => name.padStart(14));
  return [`${title} (s, medians)`.padEnd(36) + names.join(""), ...rows, ""].join("\n");
}

const repeats = Number(process.argv[2] ?? 3);
if (!Number.isInteger(repeats) || repeats < 1) throw new RocError("USAGE", "Give a whole number of repeats above 0.");
const folder = await mkdtemp(join(tmpdir(), "roc-busy-"));
try {
  const jobs = await makeJobs(folder);
  const idle = await measure(jobs, repeats);
  const busy = await besideLoops(() => measure(jobs, repeats));
  process.stdout.write(`${tableOf("idle", idle)}\n${tableOf(`${LOOPS_PER_CORE} loops per core`, busy)}`);
  const out = `${ROOT}bench/results/busy.json`;
  await writeFile(out, `${JSON.stringify({ cores: availableParallelism(), repeats, idle, busy }, null, 2)}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
