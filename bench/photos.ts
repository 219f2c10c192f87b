/** Photographs of a given size for the benches: light that changes slowly, shapes, texture of every scale, grain. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { Random } from "../src/random.js";

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Of a picture's long edge: from shapes to grain. Deviations fall with the size, as in photographs. */
const LAYERS: readonly (readonly [cell: number, deviation: number])[] = [
  [1024, 55],
  [256, 40],
  [64, 28],
  [16, 16],
  [4, 9],
  [1.5, 5],
];

/** Random cells, smoothly enlarged: one layer as raw pixels of three channels round 128. */
async function layer(random: Random, { width, height }: Size, cell: number, deviation: number): Promise<Buffer> {
  const small = { width: Math.ceil(width / cell) + 2, height: Math.ceil(height / cell) + 2 };
  const data = new Uint8Array(small.width * small.height * 3);
  for (let i = 0; i < data.length; i += 3) {
    const light = 128 + random.gaussian(0, deviation);
    for (let channel = 0; channel < 3; channel++) data[i + channel] = Math.min(255, Math.max(0, light + random.uniform(-1, 1) * deviation * 0.4)); // prettier-ignore
  }
  const raw = { ...small, channels: 3 } as const;
  return sharp(data, { raw }).resize(width, height, { kernel: "cubic", fit: "fill" }).raw().toBuffer();
}

async function photo(file: string, size: Size, seed: number): Promise<void> {
  const random = new Random(seed, "photo");
  const sum = new Int16Array(size.width * size.height * 3).fill(128);
  for (const [cell, deviation] of LAYERS) {
    const pixels = await layer(random, size, cell, deviation);
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (pixels[i] as number) - 128;
  }
  const raw = { ...size, channels: 3 } as const;
  await sharp(Uint8ClampedArray.from(sum), { raw }).jpeg({ quality: 90 }).toFile(file);
}

/** Writes `count` JPEGs of quality 90 into a folder. @returns their paths */
export async function writePhotos(folder: string, size: Size, count: number): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const files = Array.from({ length: count }, (_, i) => join(folder, `${i}.jpg`));
  for (const [i, file] of files.entries()) await photo(file, size, i);
  return files;
}
