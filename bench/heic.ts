/**
 * A 12-megapixel HEIC as phones write it (tiles of 512, turned): seconds and memory from its file to upright pixels, each run in
 * a process of its own; the same picture as a JPEG beside it.
 *
 *   npm run bench:heic -- LARGE.heic [--rounds 3] [--out FILE.json]
 *
 * The file: test/fixtures/photos/make.py LARGE.heic.
 * `--one FILE` is for the bench itself.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { RocError } from "../src/errors.js";
import { decodeImage } from "../src/image/index.js";
import { median } from "./peer.js";
import { writeResult } from "./results.js";

interface Run {
  /** From the call to the pixels. */
  readonly seconds: number;
  /** A second one in the same process: libheif is there already. */
  readonly again: number;
  /** What the second one computes, which other work on the machine does not change much. */
  readonly againCpu: number;
  /** The process's most, and what it had before the picture. */
  readonly peakMb: number;
  readonly startMb: number;
}

const { values: options, positionals } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, out: { type: "string" }, one: { type: "string" } },
  allowPositionals: true,
});

const MB = 1e6;

async function seconds(file: string): Promise<number> {
  const start = performance.now();
  await decodeImage(file);
  return (performance.now() - start) / 1000;
}

async function one(file: string): Promise<Run> {
  const startMb = process.memoryUsage().rss / MB;
  const first = await seconds(file);
  // In KiB.
  const peakMb = (process.resourceUsage().maxRSS * 1024) / MB;
  const before = process.cpuUsage();
  const again = await seconds(file);
  const { user, system } = process.cpuUsage(before);
  return { seconds: first, again, againCpu: (user + system) / 1e6, peakMb, startMb };
}

function runsOf(file: string): Run {
  const runs = Array.from({ length: Number(options.rounds) }, () => {
    const { stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--one", file], {
      encoding: "utf8",
    });
    return JSON.parse(stdout) as Run;
  });
  const of = (key: keyof Run): number => Math.round(100 * median(runs.map((run) => run[key]))) / 100;
  return {
    seconds: of("seconds"),
    again: of("again"),
    againCpu: of("againCpu"),
    peakMb: of("peakMb"),
    startMb: of("startMb"),
  };
}

async function compare(heic: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "roc-heic-"));
  try {
    const jpeg = join(folder, "same.jpg");
    const { data, width, height } = await decodeImage(heic);
    await sharp(data, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 90 })
      .toFile(jpeg);
    const load = loadavg()[0];
    const [ours, theirs] = [runsOf(heic), runsOf(jpeg)];
    const sizes = { heicMb: statSync(heic).size / MB, jpegMb: statSync(jpeg).size / MB };
    const result = {
      machine: cpus()[0]?.model,
      cores: cpus().length,
      load,
      width,
      height,
      ...sizes,
      heic: ours,
      jpeg: theirs,
    };
    process.stdout.write(writeResult(result, options.out));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (options.one !== undefined) {
  process.stdout.write(JSON.stringify(await one(options.one)));
} else {
  const [file] = positionals;
  if (file === undefined) throw new RocError("USAGE", "give a HEIC file (test/fixtures/photos/make.py LARGE.heic)");
  await compare(file);
}
