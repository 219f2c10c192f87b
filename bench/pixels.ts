/**
 * Decoded pixels to a model's size, here and in Pillow, in turn and in one run: both on one core, and ours on two for one.
 * Then how much memory a JPEG takes at its peak, from its file to the model's pixels, each in a process of its own.
 *
 *   npm run bench:pixels [-- --rounds 9] [--kernel sse2] [--json]
 *
 * `--kernel` takes what a processor with fewer instructions has. `--peak FILE CASE` is for the bench itself.
 */
import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { RocError } from "../src/errors.js";
import { decodeImage, withStoredImage } from "../src/image/index.js";
import { centerWindow, squareCanvas, type Size, type Window } from "../src/image/geometry.js";
import { nativePixels } from "../src/image/native.js";
import { resizeAsync, resizeBicubic, uprightSize, type ResizeOptions } from "../src/image/resize.js";
import type { RgbImage } from "../src/image/types.js";
import { smartResize } from "../src/models/common/qwen/smart-resize.js";
import { median, Peer, pythonWith } from "./peer.js";

const { values: options, positionals } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    kernel: { type: "string" },
    peak: { type: "string" },
    json: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const kernel = options.kernel === undefined ? 0 : nativePixels().kernels().indexOf(options.kernel);
if (kernel < 0)
  throw new RocError("USAGE", `--kernel ${options.kernel}: this processor has ${nativePixels().kernels().join(", ")}`);

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

function optionsOf(source: Size, { pad, stretch, crop, width, height }: Case, threads: number): ResizeOptions {
  const side = Math.max(source.width, source.height);
  const window: Window | undefined = crop === undefined ? undefined : centerWindow({ width, height }, { width: crop, height: crop }); // prettier-ignore
  return {
    threads,
    kernel,
    ...(window && { window }),
    ...(stretch && { first: { width: side, height: side } }),
    ...(pad && { canvas: squareCanvas(source, GREY) }),
  };
}

/** Milliseconds, and the sum of the bytes, which both sides must agree in. */
function timed(image: RgbImage, one: Case, threads: number): { ms: number; sum: number } {
  const begin = performance.now();
  const { data } = resizeBicubic(image, one, optionsOf(image, one, threads));
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

/** The most that this process had in memory, in bytes. */
function peak(): number {
  return 1024 * Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);
}

/** Bytes that a JPEG takes here at the peak, over what the process had before. */
async function peakOf(file: string, name: string): Promise<number> {
  const one = CASES.find((one) => one.name === name) as Case;
  // What is loaded once.
  const tiny = await sharp({ create: { width: 64, height: 48, channels: 3, background: "#888" } })
    .jpeg()
    .toBuffer();
  await decodeImage(tiny);
  const before = peak();
  await withStoredImage(file, (picture) =>
    resizeAsync(picture, one, optionsOf(uprightSize(picture), one, nativePixels().threads())),
  );
  return peak() - before;
}

interface Memory {
  readonly name: string;
  readonly megapixels: number;
  /** Bytes at the peak, and the picture's own: three a pixel. */
  readonly ours: number;
  readonly pillow: number;
  readonly picture: number;
}

async function measureMemory(folder: string, python: string): Promise<Memory[]> {
  const found: Memory[] = [];
  for (const { width, height } of [SOURCE, { width: 2 * SOURCE.width, height: 2 * SOURCE.height }]) {
    const file = join(folder, `${width}.jpg`);
    const noise = { create: { width, height, channels: 3 as const, background: "#888", noise: { type: "gaussian" as const, mean: 128, sigma: 30 } } }; // prettier-ignore
    await sharp(noise).jpeg().toFile(file);
    for (const one of CASES) {
      const of = (program: string, args: string[]): number =>
        Number(spawnSync(program, args, { encoding: "utf8" }).stdout);
      const script = fileURLToPath(import.meta.url);
      const ours = of(process.execPath, [script, "--peak", file, one.name]);
      const asked = JSON.stringify({ pad: false, stretch: false, crop: 0, ...one });
      const pillow = of(python, [PEER, "--peak", file, asked]);
      found.push({ name: one.name, megapixels: Math.round((width * height) / 1e6), ours, pillow, picture: 3 * width * height }); // prettier-ignore
    }
  }
  return found;
}

const PEER = fileURLToPath(new URL("../../bench/pixels.py", import.meta.url));

async function main(folder: string): Promise<void> {
  const { width, height } = SOURCE;
  const image = { width, height, data: randomFillSync(new Uint8Array(width * height * 3)) };
  const file = join(folder, "picture.rgb");
  writeFileSync(file, image.data);
  // Ours is told how many threads to take; Pillow takes one. Pillow 13 goes down first, and gives other bytes.
  const python = pythonWith("PIL", "pillow<13");
  const peer = new Peer("pixels.py", [String(width), String(height), file], python);
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
  const memory = await measureMemory(folder, python);
  const machine = cpus()[0]?.model;
  const kernels = nativePixels().kernels()[kernel];
  if (options.json) {
    console.log(JSON.stringify({ machine, kernels, pillow, source: SOURCE, results, memory }, null, 2));
    return;
  }
  const head = `${width} x ${height} pixels on ${machine} (${kernels}), Pillow ${pillow}`;
  console.log(`${head}; medians of ${options.rounds} rounds`);
  for (const { name, size, ours, pillow, ratio, twoCores } of results) {
    const [ms, theirs] = [ours.toFixed(1), pillow.toFixed(1)].map((text) => text.padStart(7));
    const text = `${name.padEnd(28)} ${size.padEnd(12)} ${ms} ms, Pillow ${theirs} ms, ratio ${ratio.toFixed(2)}`;
    console.log(`${text}; two cores ${twoCores.toFixed(2)} times one`);
  }
  console.log("From a JPEG's file to the model's pixels, memory at the peak for the picture's three bytes a pixel:");
  for (const { name, megapixels, ours, pillow, picture } of memory) {
    const text = `${name.padEnd(28)} ${`${megapixels} megapixels`.padEnd(14)} ${(ours / picture).toFixed(2)}`;
    console.log(`${text} (${Math.round(ours / 1e6)} MB), Pillow ${(pillow / picture).toFixed(2)}`);
  }
}

if (options.peak === undefined) {
  const folder = mkdtempSync(join(tmpdir(), "bench-pixels-"));
  try {
    await main(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
} else {
  console.log(await peakOf(options.peak, positionals[0] ?? ""));
}
