/** What the image tests share: the test picture of the fixtures and their reader. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { RgbImage } from "../../src/image/index.js";
import { fixture } from "../support.js";

/** The same formula as in test/fixtures/image/make.py. */
export function picture(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) data[i++] = (7 * x + 13 * y + 29 * c + 5 * ((x * y) % 17)) % 256;
    }
  }
  return { width, height, data };
}

export function sha256(data: Uint8Array | Float32Array): string {
  return createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex");
}

const pair = z.tuple([z.number(), z.number()]);

const schema = z.object({
  resizes: z.array(z.object({ source: pair, target: pair, sha256: z.string() })),
  processors: z.array(
    z.object({
      name: z.string(),
      config: z.record(z.string(), z.unknown()),
      source: pair,
      shape: z.tuple([z.number(), z.number(), z.number()]),
      sha256: z.string(),
      first: z.tuple([z.number(), z.number(), z.number()]),
      mean: z.number(),
    }),
  ),
  saved: z.array(z.object({ name: z.string(), config: z.record(z.string(), z.unknown()) })),
});

export const reference = schema.parse(JSON.parse(readFileSync(fixture("image/reference.json"), "utf8")));
