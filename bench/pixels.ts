/**
 * Decoded pixels to a model's size, here and in Pillow, in turn and in one run: both on one core, and ours on two for one.
 *
 *   npm run bench:pixels [-- --rounds 9] [--json]
 */
import { randomFillSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { centerWindow, squareCanvas, type Size, type Window } from "../src/image/geometry.js";
import { resizeBicubic, type ResizeOptions } from "../src/image/resize.js";
import type { RgbImage } from "../src/image/types.js";
import { smartResize } from "../src/models/qwen2vl/smart-resize.js";
import { median, Peer, pythonWith } from "./peer.js";

const { values: options } = parseArgs({
  options: { rounds: { type: "string", default: "9" }, json: { type: "boolean", default: false } },
});

const SOURCE: Size = { width: 4032, height: 3024 };
const GREY = [122, 116, 104] as const;

interface Case extends Size {
  readonly name: string;
  /** Onto a square of the mean colour first. */
  readonly pad?: boolean;
  /** To a square of the longer edge first. */
  readonly stretch?: boolean;
  /** Side of the square that is cut out of the middle. */
  readonly crop?: number;
}

const qwen = (blocks: number): Size =>
  smartResize(SOURCE, { factor: 28, minPixels: 3136, maxPixels: blocks * 28 * 28 });
const CASES: readonly Case[] = [
  { name: "shortest edge 336, middle", width: 448, height: 336, crop: 336 },
  { name: "pad, 336", width: 336, height: 336, pad: true },
  { name: "stretch, 448", width: 448, height: 448, stretch: true },
  { name: "Qwen2-VL, 1280 blocks", ...qwen(1280) },
  { name: "Qwen2-VL, 5000 blocks", ...qwen(5000) },
];

function run(image: RgbImage, { pad, stretch, crop, width, height }: Case, threads: number): RgbImage {
  const side = Math.max(image.width, image.height);
  const source = stretch === true ? resizeBicubic(image, { width: side, height: side }, { threads }) : image;
  const window: Window | undefined = crop === undefined ? undefined : centerWindow({ width, height }, { width: crop, height: crop }); // prettier-ignore
  const given: ResizeOptions = {
    threads,
    ...(window && { window }),
    ...(pad && { canvas: squareCanvas(source, GREY) }),
  };
  return resizeBicubic(source, { width, height }, given);
}

/** Milliseconds, and the sum of the bytes, which both sides must agree in. */
function timed(image: RgbImage, one: Case, threads: number): { ms: number; sum: number } {
  const begin = performance.now();
  const { data } = run(image, one, threads);
  return { ms: performance.now() - begin, sum: data.reduce((sum, byte) => sum + byte, 0) };
}

interface Round {
  readonly ours: number;
  readonly pillow: number;
  readonly ratio: number;
  /** One core's time for two cores'. */
  readonly twoCores: number;
}

async function measure(image: RgbImage, one: Case, peer: Peer): Promise<Round> {
  const ours = timed(image, one, 1);
  const question = { pad: false, stretch: false, crop: 0, ...one };
  const pillow = await peer.ask<{ ms: number; sum: number }>(JSON.stringify(question));
  if (ours.sum !== pillow.sum)
    throw new Error(`${one.name}: the bytes add up to ${ours.sum}, Pillow's to ${pillow.sum}`);
  return { ours: ours.ms, pillow: pillow.ms, ratio: ours.ms / pillow.ms, twoCores: ours.ms / timed(image, one, 2).ms };
}

const folder = mkdtempSync(join(tmpdir(), "bench-pixels-"));
try {
  const { width, height } = SOURCE;
  const image = { width, height, data: randomFillSync(new Uint8Array(width * height * 3)) };
  const file = join(folder, "picture.rgb");
  writeFileSync(file, image.data);
  // Ours is told how many threads to take; Pillow takes one. Pillow 13 goes down first, and gives other bytes.
  const peer = new Peer("pixels.py", [String(width), String(height), file], pythonWith("PIL", "pillow<13"));
  const pillow = await peer.ask<string>("version");
  const results = [];
  for (const one of CASES) {
    const rounds: Round[] = [];
    for (let round = 0; round <= Number(options.rounds); round++) {
      const measured = await measure(image, one, peer);
      if (round > 0) rounds.push(measured);
    }
    const of = (key: keyof Round): number => median(rounds.map((round) => round[key]));
    results.push({ name: one.name, size: `${one.width} x ${one.height}`, ours: of("ours"), pillow: of("pillow"), ratio: of("ratio"), twoCores: of("twoCores") }); // prettier-ignore
  }
  await peer.close();
  const machine = cpus()[0]?.model;
  if (options.json) console.log(JSON.stringify({ machine, pillow, source: SOURCE, results }, null, 2));
  else {
    console.log(`${width} x ${height} pixels on ${machine}, Pillow ${pillow}; medians of ${options.rounds} rounds`);
    for (const { name, size, ours, pillow, ratio, twoCores } of results) {
      const [ms, theirs] = [ours.toFixed(1), pillow.toFixed(1)].map((text) => text.padStart(7));
      const text = `${name.padEnd(28)} ${size.padEnd(12)} ${ms} ms, Pillow ${theirs} ms, ratio ${ratio.toFixed(2)}`;
      console.log(`${text}; two cores ${twoCores.toFixed(2)} times one`);
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
