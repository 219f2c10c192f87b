/** What the image tests share: the test picture of the fixtures and their reader. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { RgbImage, StoredImage } from "../../src/image/index.js";
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

/** The pixel of an upright picture at (x, y) in one that is stored turned; as EXIF numbers the turns. */
function storedAt(orientation: number, { width, height }: RgbImage, x: number, y: number): [number, number] {
  const [right, bottom] = [width - 1 - x, height - 1 - y];
  const places = [[x, y], [right, y], [right, bottom], [x, bottom], [y, x], [y, right], [bottom, right], [bottom, x]]; // prettier-ignore
  return places[orientation - 1] as [number, number];
}

/** A picture as a file of each EXIF orientation holds it. */
export function turnedPictures(upright: RgbImage): StoredImage[] {
  return [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => {
    const { width: w, height: h } = upright;
    const [width, height] = orientation >= 5 ? [h, w] : [w, h];
    const data = new Uint8Array(upright.data.length);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const [column, row] = storedAt(orientation, upright, x, y);
        const at = (y * w + x) * 3;
        data.set(upright.data.subarray(at, at + 3), (row * width + column) * 3);
      }
    }
    return { stored: { width, height, data }, orientation };
  });
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

const drawnSchema = z.object({
  cases: z.array(
    z.object({
      mode: z.enum(["crop", "pad", "stretch"]),
      source: pair,
      orientation: z.number(),
      mean: z.tuple([z.number(), z.number(), z.number()]),
      size: z.union([z.number(), pair]).nullable(),
      crop: pair,
      sha256: z.string(),
    }),
  ),
});

/** @param path a file that test/fixtures/image/make_drawn.py wrote */
export function drawnCases(path = fixture("image/drawn.json")): z.infer<typeof drawnSchema>["cases"] {
  return drawnSchema.parse(JSON.parse(readFileSync(path, "utf8"))).cases;
}
