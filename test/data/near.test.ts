/** Copies across splits that are not the same bytes: found, and distinct pictures are not taken for copies. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp, { type Sharp } from "sharp";
import { checkDataset, readDataset } from "../../src/data/index.js";
import { Random } from "../../src/random.js";
import { writeStudio } from "../../src/studio/index.js";
import { correlation, fingerprintOf, likeness, VIEWS, type Fingerprint, type Pixels } from "../../src/data/doctor/fingerprint.js"; // prettier-ignore
import { nearPairs } from "../../src/data/doctor/near.js";
import { decodeImage } from "../../src/image/index.js";

const PICTURES = 240;
const COPIED = 40;

let folder = "";
const pixels: Pixels[] = [];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-near-"));
  await writeStudio(join(folder, "studio"), { count: PICTURES, seed: 5, longEdge: 160 });
  const images = join(folder, "studio", "images");
  for (const name of (await readdir(images)).sort()) pixels.push(await decodeImage(join(images, name)));
});
after(() => rm(folder, { recursive: true, force: true }));

function open({ width, height, data }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** Takes `share` of each side away, at a place by the picture's number. */
function cropped(picture: Pixels, share: number, i: number): Sharp {
  const [width, height] = [picture.width, picture.height].map((side) => Math.round(side * (1 - share))) as [number, number]; // prettier-ignore
  const random = new Random(7, i);
  const [left, top] = [random.int(picture.width - width + 1), random.int(picture.height - height + 1)];
  return open(picture).extract({ left, top, width, height });
}

const COPIES: Record<string, (picture: Pixels, i: number) => Sharp> = {
  "half the size": (picture) =>
    open(picture)
      .resize(Math.round(picture.width / 2))
      .png(),
  "twice the size": (picture) =>
    open(picture)
      .resize(picture.width * 2)
      .png(),
  "other proportions": (picture) => open(picture).resize(120, 120, { fit: "fill" }).jpeg({ quality: 60 }),
  "saved as a poor JPEG": (picture) => open(picture).jpeg({ quality: 30 }),
  mirrored: (picture) => open(picture).flop().jpeg({ quality: 80 }),
  "cropped by 4%": (picture, i) => cropped(picture, 0.04, i).png(),
  "cropped by 9%": (picture, i) => cropped(picture, 0.09, i).jpeg({ quality: 80 }),
  "mirrored, cropped, smaller, a poor JPEG": (picture, i) => cropped(picture, 0.05, i).flop().resize(100).jpeg({ quality: 50 }), // prettier-ignore
};

test("distinct pictures of the studio, five scenes over and over, are taken for no copies", async () => {
  const prints = pixels.map(fingerprintOf);
  assert.ok(prints.every((print) => print !== undefined));
  const { pairs, cut } = await nearPairs(prints, (i) => i % 2);
  assert.deepEqual(pairs, []);
  assert.equal(cut, false);
});

for (const [what, make] of Object.entries(COPIES)) {
  test(`copies are found: ${what}`, async () => {
    const copies: (Fingerprint | undefined)[] = [];
    for (const [i, picture] of pixels.slice(0, COPIED).entries()) {
      const bytes = await make(picture, i).toBuffer();
      copies.push(fingerprintOf(await decodeImage(bytes)));
    }
    const { pairs } = await nearPairs([...pixels.map(fingerprintOf), ...copies], (i) =>
      i < PICTURES ? "train" : "test",
    );
    const right = pairs.filter(({ first, second }) => second - PICTURES === first).length;
    // Noise is a part of the studio's pictures, and some of them are little else.
    assert.ok(right >= 0.85 * COPIED, `${right} of ${COPIED}`);
    assert.equal(pairs.length, right, "a copy was taken for that of another picture");
  });
}

test("hashes that differ in few bits are always found, by any of their parts, and one group is not compared", async () => {
  const random = new Random(3);
  const word = (): number => random.int(2 ** 32) | 0;
  const grey = Uint8Array.from({ length: 576 }, () => random.int(256));
  const print = (hash: readonly number[]): Fingerprint => ({
    hashes: Int32Array.from(VIEWS.flatMap((_, v) => (v === 0 ? hash : [word(), word()]))),
    ...{ grey, tone: [90, 90, 90, 40] },
  });
  const hashes = Array.from({ length: 500 }, () => [word(), word()]);
  // Seven bits that are off leave one of four parts with at most one.
  const turned = hashes.map(([high = 0, low = 0]) => {
    const bits = Array.from(random.permutation(64).slice(0, 7));
    const mask = (from: number): number => bits.filter((bit) => bit >> 5 === from).reduce((all, bit) => all | (1 << (bit & 31)), 0); // prettier-ignore
    return [high ^ mask(0), low ^ mask(1)];
  });
  const prints = [...hashes, ...turned].map(print);
  const { pairs } = await nearPairs(prints, (i) => Math.floor(i / 500));
  for (let i = 0; i < 500; i++)
    assert.ok(
      pairs.some(({ first, second }) => first === i && second === i + 500),
      `${i}`,
    );
  assert.deepEqual((await nearPairs(prints, () => 0)).pairs, []);
  const controller = new AbortController();
  controller.abort();
  await assert.rejects(
    nearPairs(prints, (i) => Math.floor(i / 500), controller.signal),
    { code: "ABORTED" },
  );
});

test("a picture of one colour looks like no other; a fingerprint does not hang on the size", () => {
  const flat = { width: 40, height: 30, data: new Uint8Array(3600).fill(90) };
  assert.equal(fingerprintOf(flat), undefined);
  const [one] = pixels as [Pixels];
  const { width, height, data } = one;
  const double = { width: 2 * width, height: 2 * height, data: new Uint8Array(12 * width * height) };
  for (let y = 0; y < 2 * height; y++) {
    for (let x = 0; x < 2 * width; x++) {
      const from = 3 * ((y >> 1) * width + (x >> 1));
      double.data.set(data.subarray(from, from + 3), 3 * (y * 2 * width + x));
    }
  }
  const [a, b] = [fingerprintOf(one), fingerprintOf(double)] as [Fingerprint, Fingerprint];
  assert.deepEqual(a.hashes, b.hashes);
  assert.ok(correlation(a.grey, b.grey) > 0.9999);
  assert.ok(likeness(a.grey, VIEWS[0] as (typeof VIEWS)[number], b.grey) > 0.9999);
});

test("data check tells them by picture and split, and same bytes only once", async () => {
  const own = join(folder, "own");
  await mkdir(own);
  const [a, b] = pixels as [Pixels, Pixels];
  const bytes = await open(a).jpeg({ quality: 95 }).toBuffer();
  for (const name of ["a.jpg", "again.jpg"]) await writeFile(join(own, name), bytes);
  await open(a).resize(90).jpeg().toFile(join(own, "small.jpg"));
  await open(b).png().toFile(join(own, "b.png"));
  const rows = ["a.jpg,1,train", "again.jpg,2,test", "small.jpg,3,validation", "b.png,4,test"];
  await writeFile(join(own, "l.csv"), `image,score,split\n${rows.join("\n")}\n`);
  await writeFile(join(own, "dataset.json"), '{"scale": {"min": 1, "max": 5}}');
  const data = await readDataset({ folder: own });
  const ids = (kind: string, { problems }: Awaited<ReturnType<typeof checkDataset>>): string[] =>
    (problems.find((one) => one.kind === kind)?.findings ?? []).map(({ pictures }) => pictures.map(({ id }) => id).sort().join("+")).sort(); // prettier-ignore
  const report = await checkDataset(data, { decode: (file) => decodeImage(file) });
  assert.deepEqual(ids("duplicate-across-splits", report), ["a.jpg+again.jpg"]);
  assert.deepEqual(ids("near-duplicate-across-splits", report), ["a.jpg+small.jpg", "again.jpg+small.jpg"]);
  assert.deepEqual(ids("near-duplicate-across-splits", await checkDataset(data)), []);
});
