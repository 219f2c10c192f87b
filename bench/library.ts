/**
 * A library of many photos: scans that are killed with SIGKILL at random moments and started again, and a second scan of files
 * that are as they were.
 *
 *   npm run bench:library [-- --files 20000] [--kills 10] [--judge demo|stub] [--json] [--out FILE.json]
 *
 * Each scan is a process of the command `library scan` with the demo weights. `--judge stub` has it scored by a made-up judge
 * (bench/library-worker.ts: the mean brightness), which the rest of a scan takes for a model: for machines where the demo
 * weights take too long. Half of the kills wait for a random number of new scores, so that they are spread over the whole
 * scan; the others come a random time after the process has started, while it loads the model or looks for files.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { RocError } from "../src/errors.js";
import { exists } from "../src/files/index.js";
import { Connection } from "../src/library/connection.js";
import { Random } from "../src/random.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";

const MAIN = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
const STUB = fileURLToPath(new URL("./library-worker.js", import.meta.url));
/** Files of a folder. */
const IN_FOLDER = 500;

/** Small JPEGs, each of its own content. */
async function writePictures(root: string, count: number): Promise<void> {
  const random = new Random(1, "library");
  for (let i = 0; i < count; i++) {
    const folder = join(root, `${Math.floor(i / IN_FOLDER)}`);
    if (i % IN_FOLDER === 0) mkdirSync(folder, { recursive: true });
    const data = Uint8Array.from({ length: 4 * 3 * 3 }, () => random.uniform(0, 256));
    const raw = { width: 4, height: 3, channels: 3 } as const;
    const bytes = await sharp(data, { raw }).resize(48, 36, { kernel: "cubic" }).jpeg({ quality: 85 }).toBuffer();
    writeFileSync(join(folder, `${i}.jpg`), bytes);
  }
}

interface Places {
  readonly photos: string;
  readonly library: string;
  readonly isStub: boolean;
}

function start({ photos, library, isStub }: Places): ChildProcess {
  const args = isStub ? [STUB, library, photos] : [MAIN, "library", "scan", photos, "--library", library, "--json", "--model", "demo"]; // prettier-ignore
  return spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
}

interface Counts {
  readonly scores: number;
  /** What the scans say that they have added. */
  readonly counted: number;
}

/** What is in a library, which a process may be writing. */
async function countsOf(library: string): Promise<Counts> {
  if (!(await exists(library))) return { scores: 0, counted: 0 };
  const connection = new Connection(library);
  try {
    const sql = "SELECT (SELECT count(*) FROM scores), (SELECT coalesce(sum(scored), 0) FROM scans)";
    const [scores = 0, counted = 0] = connection.row<[number, number]>(sql) ?? [];
    return { scores, counted };
  } finally {
    connection.close();
  }
}

interface Kill extends Counts {
  readonly when: "while scoring" | "by the clock";
  readonly integrity: string;
}

/** Starts a scan and kills it. @param more scores after which it is killed, or undefined: after some milliseconds */
async function killed(places: Places, more: number | undefined, milliseconds: number): Promise<Kill> {
  const before = (await countsOf(places.library)).scores;
  const child = start(places);
  const ended = once(child, "exit");
  if (more !== undefined) {
    while (child.exitCode === null && (await countsOf(places.library)).scores < before + more) await wait(50);
  }
  await wait(milliseconds);
  if (child.exitCode !== null) throw new RocError("INTERNAL", "bench: a scan ended before it was killed");
  child.kill("SIGKILL");
  await ended;
  return { when: more === undefined ? "by the clock" : "while scoring", ...(await countsOf(places.library)), integrity: await integrityOf(places.library) }; // prettier-ignore
}

async function integrityOf(library: string): Promise<string> {
  if (!(await exists(library))) return "no library yet";
  const connection = new Connection(library);
  try {
    return connection.rows<[string]>("PRAGMA integrity_check").map(([text]) => text).join("; "); // prettier-ignore
  } finally {
    connection.close();
  }
}

/** Runs a scan to its end. @returns its summary, and seconds with the start of the process and the loading of the model */
async function whole(places: Places): Promise<{ summary: Record<string, number>; wall: number }> {
  const began = performance.now();
  const child = start(places);
  let text = "";
  child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) throw new RocError("INTERNAL", `bench: a scan ended with code ${code}`);
  return { summary: JSON.parse(text) as Record<string, number>, wall: (performance.now() - began) / 1000 };
}

async function measure(files: number, kills: number, isStub: boolean) {
  const folder = mkdtempSync(join(tmpdir(), "bench-library-"));
  const places = { photos: join(folder, "photos"), library: join(folder, "library.db"), isStub };
  try {
    await writePictures(places.photos, files);
    const random = new Random(Date.now() % 1e9, "kills");
    const done: Kill[] = [];
    for (let i = 0; i < kills; i++) {
      const more = i % 2 === 0 ? Math.floor(random.uniform(1, (1.6 * files) / kills)) : undefined;
      done.push(await killed(places, more, random.uniform(0, more === undefined ? 12_000 : 60)));
      console.error(`killed ${JSON.stringify(done.at(-1))}`);
    }
    const last = await whole(places);
    const { scores, counted } = await countsOf(places.library);
    const integrity = await integrityOf(places.library);
    // What was written within two seconds of being read is read once more.
    await whole(places);
    const again = await whole(places);
    const perSecond = Math.round(files / (again.summary["seconds"] ?? NaN));
    const second = { files: again.summary["unchanged"], scored: again.summary["scored"], seconds: again.summary["seconds"], filesPerSecond: perSecond, wallSeconds: again.wall }; // prettier-ignore
    const result = { files, judge: isStub ? "stub (mean brightness)" : "demo", kills: done };
    const { library: _, ...lastScan } = last.summary;
    return { ...result, lastScan, scores, scoredTwice: counted - scores, missed: files - scores, integrity, second }; // prettier-ignore
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: {
    files: { type: "string", default: "20000" },
    kills: { type: "string", default: "10" },
    judge: { type: "string", default: "demo" },
    ...RESULT_OPTIONS,
  },
});
const result = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, ...(await measure(Number(values.files), Number(values.kills), values.judge === "stub")) }; // prettier-ignore
writeResult(result, values.out);
if (values.json) console.log(JSON.stringify(result));
else {
  const { files, scores, scoredTwice, missed, integrity, second } = result;
  console.log(`${files} files, ${result.kills.length} kills: ${scores} scored, ${scoredTwice} twice, ${missed} missed; integrity ${integrity}`); // prettier-ignore
  console.log(`second scan: ${second.filesPerSecond} files/s (${second.seconds} s; process ${second.wallSeconds.toFixed(1)} s)`); // prettier-ignore
}
