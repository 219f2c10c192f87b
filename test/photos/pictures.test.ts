/** Pictures as people have them: HEIC, RAW files' previews, and JPEGs with more than one picture. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import sharp from "sharp";
import { endExiftool } from "../../src/image/exiftool.js";
import { decodeImage, withStoredImage, type RgbImage } from "../../src/image/index.js";
import { readMetadata } from "../../src/photos/metadata.js";
import { fixture } from "../support.js";
import { arw, cr3, nef, raf, tiff } from "./raw-files.js";

const folder = mkdtempSync(join(tmpdir(), "roc-pictures-"));
after(async () => {
  await endExiftool();
  rmSync(folder, { recursive: true });
});

const heic = (name: string): string => fixture(`photos/${name}.heic`);

/** The pixel at (x, y), from the right and the bottom where they are negative. */
function at({ data, width, height }: RgbImage, x: number, y: number): number[] {
  const [column, row] = [x < 0 ? width + x : x, y < 0 ? height + y : y];
  return [...data.subarray((row * width + column) * 3, (row * width + column) * 3 + 3)];
}

function near(actual: readonly number[], expected: readonly number[], tolerance = 8): void {
  const error = Math.max(...actual.map((value, i) => Math.abs(value - (expected[i] ?? 0))));
  assert.ok(error <= tolerance, `${actual} is not ${expected}`);
}

const [WHITE, RED, GREEN, YELLOW] = [[255, 255, 255], [216, 38, 60], [36, 214, 60], [216, 214, 60]] as const; // prettier-ignore

type Corners = readonly (readonly number[])[];

/** The picture of the fixtures (make.py), by its corners from the top left, clockwise. */
function isFixture(image: RgbImage, corners: Corners = [WHITE, RED, YELLOW, GREEN], size = [64, 48]): void {
  assert.deepEqual([image.width, image.height], size);
  const places = [[2, 2], [-3, 2], [-3, -3], [2, -3]] as const; // prettier-ignore
  places.forEach(([x, y], i) => near(at(image, x, y), corners[i] ?? [], 12));
}

test("a HEIC is decoded: 8 and 10 bits, its primary picture, transparency on white", async () => {
  for (const name of ["plain", "ten-bits", "second"]) isFixture(await decodeImage(heic(name)));
  isFixture(await decodeImage(heic("alpha")), [WHITE, WHITE, WHITE, GREEN]);
  isFixture(await decodeImage(readFileSync(heic("plain"))));
  isFixture(await decodeImage(Readable.from(readFileSync(heic("plain")))));
});

test("a HEIC is turned as its coding says, once, whatever its EXIF repeats", async () => {
  isFixture(await decodeImage(heic("turned-3")), [YELLOW, GREEN, WHITE, RED]);
  isFixture(await decodeImage(heic("turned-6")), [GREEN, WHITE, RED, YELLOW], [48, 64]);
  isFixture(await decodeImage(heic("turned-5")), [WHITE, GREEN, YELLOW, RED], [48, 64]);
  const { orientation, image } = await withStoredImage(heic("turned-6"), ({ stored, orientation }) => ({
    image: stored,
    orientation,
  }));
  isFixture(image, [GREEN, WHITE, RED, YELLOW], [48, 64]);
  assert.equal(orientation, 1);
});

test("a HEIC of tiles, as phones write it, is one picture", async () => {
  isFixture(await decodeImage(heic("grid")), [GREEN, WHITE, RED, YELLOW], [96, 128]);
});

test("a HEIC's colours become sRGB by its profile, or by its colour numbers (P3)", async () => {
  // The corners by lcms (Pillow's ImageCms) from Adobe RGB, and by the matrices of CSS Color 4 from Display P3.
  const adobe = [WHITE, [252, 33, 58], [219, 214, 34], [0, 214, 34]];
  const p3 = [WHITE, [236, 0, 52], [217, 214, 0], [0, 217, 0]];
  isFixture(await decodeImage(heic("icc")), adobe);
  isFixture(await decodeImage(heic("p3-nclx")), p3);
});

test("a HEIC that is too large, damaged or no picture is an error that says so", async () => {
  const file = readFileSync(heic("plain"));
  await assert.rejects(decodeImage(heic("plain"), { maxPixels: 64 * 48 - 1 }), {
    code: "IMAGE_TOO_LARGE",
    message: /64 x 48 pixels/,
  });
  for (const broken of [
    file.subarray(0, 600),
    file.subarray(0, 100),
    Buffer.concat([file.subarray(0, 900), Buffer.alloc(300, 7)]),
  ]) {
    await assert.rejects(decodeImage(broken, { name: "x" }), {
      code: "IMAGE_BROKEN",
      message: /^x: damaged or incomplete HEIC file/,
    });
  }
  const stop = new AbortController();
  const stopped = decodeImage(heic("plain"), { signal: stop.signal });
  stop.abort();
  await assert.rejects(stopped, { code: "ABORTED" });
  const many = await Promise.all(Array.from({ length: 6 }, () => decodeImage(heic("plain"))));
  many.forEach((image) => isFixture(image));
});

test("a HEIC's metadata: time, camera, and its size upright", async () => {
  const { taken, camera, width, height, orientation } = await readMetadata(heic("turned-6"));
  assert.deepEqual(
    [taken, camera, width, height, orientation],
    ["2026-05-01T12:30:05", "Apple iPhone 15", 48, 64, undefined],
  );
});

/** A JPEG of two halves, white at the left and green at the right. */
async function jpeg(width: number, height: number): Promise<Buffer> {
  const white = await sharp({ create: { width: width / 2, height, channels: 3, background: "#fff" } }).png().toBuffer(); // prettier-ignore
  return sharp({ create: { width, height, channels: 3, background: "#0c0" } })
    .composite([{ input: white, left: 0, top: 0 }])
    .jpeg()
    .toBuffer();
}

test("a RAW file's picture is its largest preview, turned: the same by its name, as bytes, on a stream, from a pipe", async () => {
  const [large, small] = [await jpeg(1200, 800), await jpeg(160, 120)];
  const files: Record<string, Buffer> = {
    "a.nef": nef(large, 6),
    "a.arw": arw(large, 6),
    "a.cr3": cr3(large, 6),
    "two.dng": tiff({
      254: 1,
      274: 6,
      330: {
        directories: [
          { 254: 1, 513: large },
          { 254: 1, 513: small },
        ],
      },
      50706: 0x0401,
      513: small,
    }),
    "a.raf": raf(await sharp(large).withMetadata({ orientation: 6 }).toBuffer()),
  };
  for (const [name, bytes] of Object.entries(files)) {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    const image = await decodeImage(file);
    assert.deepEqual([image.width, image.height, image.damaged], [800, 1200, undefined], name);
    near(at(image, 400, 100), WHITE);
    near(at(image, 400, 1100), [0, 204, 0]);
    for (const input of [bytes, Readable.from(bytes)]) assert.deepEqual(await decodeImage(input), image, name);
  }
  const pipe = join(folder, "pipe");
  execFileSync("mkfifo", [pipe]);
  const [piped] = await Promise.all([decodeImage(pipe), writeFile(pipe, files["a.nef"] ?? "")]);
  assert.deepEqual(piped, await decodeImage(join(folder, "a.nef")));
  assert.equal((await decodeImage(join(folder, "a.nef"), { orient: false })).width, 1200);
  assert.deepEqual(
    readdirSync(tmpdir()).filter((name) => name.startsWith("roc4mllm-")),
    [],
  );
});

test("a RAW file with a thumbnail alone is marked, one with nothing is refused, each by its name", async () => {
  const marked = await decodeImage(nef(await jpeg(160, 120)));
  assert.match(marked.damaged ?? "", /only a preview of 160 x 120 pixels/);
  const expected = {
    code: "IMAGE_UNSUPPORTED",
    message: /^x: this is a RAW file \(.+\) without a preview.*export it as a JPEG/,
  };
  for (const bytes of [nef(Buffer.from("no JPEG")), raf(Buffer.alloc(50)), cr3(Buffer.alloc(9))]) {
    await assert.rejects(decodeImage(bytes, { name: "x" }), expected);
  }
  await assert.rejects(decodeImage(nef(await jpeg(1200, 800)), { maxPixels: 1000, name: "x" }), {
    code: "IMAGE_TOO_LARGE",
  });
  const cut = (await jpeg(1200, 800)).subarray(0, 2000);
  await assert.rejects(decodeImage(raf(cut), { name: "x" }), { code: "IMAGE_BROKEN", message: /^x: / });
});

test("of several pictures in one JPEG the first is taken (MPO)", async () => {
  const [first, second] = [await jpeg(64, 48), await jpeg(32, 32)];
  const mpo = Buffer.concat([first, second]);
  assert.deepEqual(await decodeImage(mpo), await decodeImage(first));
});
