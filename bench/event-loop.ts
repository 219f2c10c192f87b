/**
 * How long the thread of a caller stands still while a folder of large photos is scored, with the model in a worker and without:
 * the delay of its event loop.
 *
 *   npm run bench:event-loop [-- --photos 8] [--width 8000] [--height 6000] [--json] [--out FILE.json] [--quick]
 *
 * A LLaVA of 31 million parameters at 336 pixels in float32; --quick takes tiny pictures and a tiny model. On a machine with
 * other work the system itself makes threads wait: "idle" is what this thread has while nothing is scored.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { load } from "../src/engine/index.js";
import { writePhotos } from "./photos.js";
import { RESULT_OPTIONS, writeResult } from "./results.js";
import { TINY_LLAVA, writeSmallLlava } from "./small-llava.js";

/** Milliseconds between two looks at the loop: what comes on top is delay. */
const RESOLUTION = 1;
const IDLE_MS = 2000;

interface Delays {
  readonly way: "idle" | "worker" | "this thread";
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Looks at the loop that these are of. */
  readonly looks: number;
  readonly seconds: number;
}

export interface EventLoopBench {
  readonly machine: string | undefined;
  readonly cores: number;
  /** Work on the machine when it began: processes that compute or wait for it. */
  readonly load: number;
  readonly parameters: number;
  readonly photos: string;
  readonly rows: readonly Delays[];
}

export interface EventLoopOptions {
  readonly photos: number;
  readonly width: number;
  readonly height: number;
  /** A tiny model. */
  readonly quick?: boolean;
}

/** Measures in a temporary folder, which is removed. */
export async function benchEventLoop({
  photos,
  width,
  height,
  quick = false,
}: EventLoopOptions): Promise<EventLoopBench> {
  const folder = mkdtempSync(join(tmpdir(), "roc-event-loop-"));
  try {
    const checkpoint = join(folder, "model");
    const parameters = await writeSmallLlava(checkpoint, quick ? TINY_LLAVA : undefined);
    const files = await writePhotos(join(folder, "photos"), { width, height }, photos);
    const [before = 0] = loadavg();
    const rows = [await delays("idle", () => sleep(quick ? 50 : IDLE_MS))];
    for (const way of ["worker", "this thread"] as const) {
      using model = await load(checkpoint, { worker: way === "worker" });
      // What is done once only: modules that are loaded, memory that grows.
      await model.scoreOne(files[0] ?? "");
      const score = async (): Promise<void> => {
        for await (const result of model.score(files)) if ("error" in result) throw new Error(result.error.message);
      };
      rows.push(await delays(way, score));
    }
    const machine = cpus()[0]?.model;
    const size = `${photos} of ${Number(((width * height) / 1e6).toPrecision(2))} megapixels`;
    return { machine, cores: cpus().length, load: before, parameters, photos: size, rows };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function delays(way: Delays["way"], work: () => Promise<unknown>): Promise<Delays> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  histogram.enable();
  const start = performance.now();
  await work();
  const seconds = (performance.now() - start) / 1000;
  // The last delay is seen at the next look.
  await sleep(2 * RESOLUTION);
  histogram.disable();
  const delay = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION);
  const [p50, p99] = [50, 99].map((percent) => delay(histogram.percentile(percent)));
  return { way, p50: p50 ?? NaN, p99: p99 ?? NaN, max: delay(histogram.max), looks: histogram.count, seconds };
}

export function eventLoopTable({ machine, cores, load: busy, parameters, photos, rows }: EventLoopBench): string {
  const head = `${photos}, ${(parameters / 1e6).toFixed(1)} million parameters, ${cores} cores of ${machine}, load ${busy.toFixed(1)}`; // prettier-ignore
  const line = (cells: readonly string[]): string => cells.map((cell, i) => (i === 0 ? cell.padEnd(14) : cell.padStart(12))).join(""); // prettier-ignore
  const lines = rows.map(({ way, p50, p99, max, looks, seconds }) =>
    line([way, p50.toFixed(1), p99.toFixed(1), max.toFixed(1), `${looks}`, seconds.toFixed(1)]),
  );
  return `${[head, line(["delay in ms", "p50", "p99", "max", "looks", "seconds"]), ...lines].join("\n")}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      photos: { type: "string", default: "8" },
      width: { type: "string", default: "8000" },
      height: { type: "string", default: "6000" },
      ...RESULT_OPTIONS,
      quick: { type: "boolean", default: false },
    },
  });
  const { photos, width, height, quick, json, out } = values;
  const size = quick ? { width: 160, height: 120 } : { width: Number(width), height: Number(height) };
  const found = await benchEventLoop({ photos: Number(photos), ...size, quick });
  const text = writeResult(found, out);
  process.stdout.write(json ? text : eventLoopTable(found));
}
