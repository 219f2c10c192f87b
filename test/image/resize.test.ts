/** The resize against Pillow's own bytes, and geometry against the reference sheet. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { centerCrop, cropImage, resizeBicubic, resizeBilinear, shortestEdgeSize } from "../../src/image/index.js";
import { squareCanvas } from "../../src/image/geometry.js";
import { resizeAsync } from "../../src/image/resize.js";
import { nativePixels } from "../../src/image/native.js";
import { Random } from "../../src/random.js";
import { fixture } from "../support.js";
import { bicubicTaps, padToSquare, plainResize } from "./plain-resize.js";
import { picture, reference, sha256, turnedPictures } from "./support.js";

const CLIP_GREY = [122, 116, 104] as const;

test("resizeBicubic gives Pillow's bytes at every size of the fixture", () => {
  assert.ok(reference.resizes.length > 20);
  for (const { source, target, sha256: expected } of reference.resizes) {
    const resized = resizeBicubic(picture(...source), { width: target[0], height: target[1] });
    assert.equal(sha256(resized.data), expected, `${source.join("x")} to ${target.join("x")}`);
  }
});

test("resizeBilinear gives Pillow's bytes at every size of the fixture", async () => {
  const { resizes } = JSON.parse(readFileSync(fixture("image/bilinear.json"), "utf8")) as typeof reference;
  assert.ok(resizes.length > 10);
  for (const { source, target, sha256: expected } of resizes) {
    const resized = await resizeBilinear(picture(...source), { width: target[0], height: target[1] });
    assert.equal(sha256(resized.data), expected, `${source.join("x")} to ${target.join("x")}`);
  }
});

test("resizeBilinear turns a stored picture upright, leaves a picture of its size, and refuses an empty size", async () => {
  const same = picture(19, 7);
  const plain = await resizeBilinear(same, { width: 8, height: 5 });
  for (const stored of turnedPictures(same)) {
    assert.deepEqual(await resizeBilinear(stored, { width: 8, height: 5 }), plain);
  }
  assert.deepEqual((await resizeBilinear(same, same)).data, same.data);
  await assert.rejects(resizeBilinear(same, { width: 0, height: 5 }), { code: "USAGE" });
});

test("the plain one that the native one is held against gives Pillow's bytes too", () => {
  for (const { source, target, sha256: expected } of reference.resizes) {
    const resized = plainResize(picture(...source), { width: target[0], height: target[1] });
    assert.equal(sha256(resized.data), expected, `${source.join("x")} to ${target.join("x")}`);
  }
});

/** A picture, what it becomes, by way of which size, which part of that, and the canvas it is on. */
function drawCase(random: Random): Parameters<typeof plainResize> {
  const side = (most: number): number => 1 + random.int(most);
  const [width, height] = [side(60), side(60)];
  const image = { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.int(256)) };
  const given = random.chance(0.3) && (random.chance(0.5) ? { width, height: side(90) } : { width: side(90), height });
  const first = given === false ? image : given;
  const size = {
    width: random.chance(0.2) ? first.width : side(80),
    height: random.chance(0.2) ? first.height : side(80),
  };
  const [left, top] = [random.int(size.width), random.int(size.height)];
  const window = { left, top, width: side(size.width - left), height: side(size.height - top) };
  const options = { window, ...(given !== false && { first: given }) };
  if (random.chance(0.5)) return [image, size, options];
  const canvas = { width: first.width + random.int(30), height: first.height + random.int(30) };
  const level = (): number => random.int(256);
  return [
    image,
    size,
    {
      ...options,
      canvas: {
        ...canvas,
        left: random.int(canvas.width - first.width + 1),
        top: random.int(canvas.height - first.height + 1),
        color: [level(), level(), level()],
      },
    },
  ];
}

test("a thousand drawn sizes, windows, canvases and turns: every kernel gives the plain bytes, off the thread too", async () => {
  const random = new Random(12, "resize");
  const kernels = nativePixels().kernels();
  assert.equal(kernels.at(-1), "portable");
  for (let i = 0; i < 1000; i++) {
    const [image, size, options] = drawCase(random);
    const expected = plainResize(image, size, options);
    const label = JSON.stringify({ i, from: [image.width, image.height], size, options });
    const given = { ...options, threads: 1 + (i % 3) };
    const turned = turnedPictures(image)[i % 8] ?? image;
    kernels.forEach((name, kernel) => {
      assert.deepEqual(resizeBicubic(image, size, { ...given, kernel }), expected, `${name} ${label}`);
      assert.deepEqual(
        resizeBicubic(turned, size, { ...given, kernel }),
        expected,
        `${name}, turned ${i % 8} ${label}`,
      );
    });
    if (i % 10 === 0) assert.deepEqual(await resizeAsync(turned, size, options), expected, label);
  }
});

test("a picture that is long enough for several strips and parts is the plain one in all turns", () => {
  for (const image of [picture(150, 90), picture(90, 150)]) {
    const square = { width: 150, height: 150 };
    const expected = plainResize(image, { width: 70, height: 70 }, { first: square });
    for (const turned of turnedPictures(image)) {
      for (const threads of [1, 3]) {
        const made = resizeBicubic(turned, { width: 70, height: 70 }, { first: square, threads });
        assert.equal(sha256(made.data), sha256(expected.data), `orientation ${turned.orientation}, ${threads} threads`);
      }
    }
  }
});

test("the native code refuses steps that would lead beside what it was given", () => {
  const sound = [4, 4, 1, 4, 4, 4, 4, 0, 0, 0, 0, 0, 2, 2, 0, 0, 2, 2, 1, 0];
  const run = (changes: Record<number, number>, pixels = 12): void => {
    const steps = Int32Array.from(sound, (value, i) => changes[i] ?? value);
    nativePixels().run(steps, new Uint8Array(48), new Uint8Array(pixels));
  };
  run({});
  const wrong: Record<number, number>[] = [
    ...[{ 0: 0 }, { 0: 5 }, { 1: -4 }, { 2: 9 }, { 3: 3, 4: 3 }, { 3: 0 }, { 3: 5 }, { 5: 3 }, { 6: 2 ** 30 }],
    ...[{ 7: 1 }, { 8: -1 }, { 9: 256 }, { 12: 0 }, { 13: 2 ** 31 - 1, 17: 2 ** 31 - 1 }, { 14: 1 }, { 15: -1 }],
    ...[{ 16: 3 }, { 18: 0 }, { 19: -1 }, { 19: 9 }],
  ];
  for (const changes of wrong) assert.throws(() => run(changes), Error, JSON.stringify(changes));
  assert.throws(() => run({}, 11), /pixels/);
});

test("the native code refuses layouts that would lead beside what they were given", () => {
  const tables = new Float32Array(768);
  const layOut = (form: number[], frames = 1, values = 48, bytes = 48): void => {
    const pictures = Array.from({ length: frames }, () => new Uint8Array(bytes));
    nativePixels().layOut(Int32Array.from(form), pictures, tables, new Float32Array(values));
  };
  layOut([4, 4, 0, 1, 1, 1, 1]);
  layOut([4, 4, 1, 2, 2, 2, 1], 2, 96);
  const wrong = [
    ...[[0, 4, 0, 1, 1, 1, 1], [4, 4, 3, 1, 1, 1, 1], [4, 4, -1, 1, 1, 1, 1], [4, 4, 0, 2, 1, 1, 1]], // prettier-ignore
    ...[[4, 4, 0, 1, 1, 1, 0], [4, 4, 1, 3, 1, 1, 1], [4, 4, 1, 0, 1, 1, 1], [4, 4, 0, 1, 1, 1]], // prettier-ignore
  ];
  for (const form of wrong) assert.throws(() => layOut(form), Error, form.join());
  assert.throws(() => layOut([4, 4, 0, 1, 1, 1, 1], 2), /frame/);
  assert.throws(() => layOut([4, 4, 0, 1, 1, 1, 1], 1, 47), /values/);
  assert.throws(() => layOut([4, 4, 0, 1, 1, 1, 1], 1, 48, 47), /bytes/);
});

test("sums and padded hashes of the design's reference sheet", () => {
  const sum = (data: Uint8Array): number => data.reduce((total, byte) => total + byte, 0);
  const large = picture(640, 427);
  assert.equal(sha256(large.data).slice(0, 16), "f7f56b1b92d510a4");
  assert.equal(sum(resizeBicubic(large, { width: 336, height: 336 }).data), 43_182_067);
  assert.equal(sum(resizeBicubic(large, { width: 448, height: 448 }).data), 76_757_639);
  assert.equal(sum(resizeBicubic(large, { width: 503, height: 336 }).data), 64_643_952);
  const hashes = (width: number, height: number): string[] => {
    const padded = padToSquare(picture(width, height), CLIP_GREY);
    const resized = [336, 448].map((side) => resizeBicubic(padded, { width: side, height: side }));
    return [padded, ...resized].map(({ data }) => sha256(data).slice(0, 16));
  };
  assert.deepEqual(hashes(97, 61), ["fc41bebb3ad1ae7f", "f48b2ee5f29c7149", "38af08c5141b0044"]);
  assert.deepEqual(hashes(640, 427), ["d912f920845117b9", "5e69fce4db51df1f", "5c7ae4865cf3470c"]);
});

test("a window is that part of the whole result", () => {
  const window = { left: 13, top: 5, width: 31, height: 22 };
  for (const [width, height] of [
    [84, 56],
    [97, 40],
    [60, 61],
    [97, 61],
    [200, 130],
  ] as const) {
    const whole = resizeBicubic(picture(97, 61), { width, height });
    const part = resizeBicubic(picture(97, 61), { width, height }, { window });
    assert.deepEqual(part, cropImage(whole, window), `${width}x${height}`);
  }
});

test("a canvas is the same as padding first", () => {
  const window = { left: 2, top: 30, width: 40, height: 19 };
  for (const image of [picture(97, 61), picture(61, 97), picture(30, 30), picture(2, 97)]) {
    const canvas = squareCanvas(image, CLIP_GREY);
    const padded = padToSquare(image, CLIP_GREY);
    for (const size of [56, 97, 200].flatMap((a) => [56, 97, 200].map((b) => ({ width: a, height: b })))) {
      const label = `${image.width}x${image.height} to ${size.width}x${size.height}`;
      assert.deepEqual(resizeBicubic(image, size, { canvas }), resizeBicubic(padded, size), label);
      const part = resizeBicubic(image, size, { canvas, window });
      assert.deepEqual(part, resizeBicubic(padded, size, { window }), label);
    }
  }
});

test("the picture is never changed", () => {
  const image = picture(97, 61);
  resizeBicubic(image, { width: 20, height: 20 });
  assert.equal(sha256(image.data).slice(0, 16), "be3c53c9733be32e");
});

test("32-bit accumulators hold every sum", () => {
  let most = 0;
  let worstSum = 0;
  const sides = [...Array.from({ length: 40 }, (_, i) => i + 1), 61, 97, 255, 336, 1000, 4001];
  for (const from of sides) {
    for (const to of sides) {
      const { weights, stride } = bicubicTaps(from, to);
      for (let i = 0; i < to; i++) {
        const row = weights.subarray(i * stride, (i + 1) * stride);
        const positive = row.reduce((sum, weight) => sum + Math.max(0, weight), 0);
        most = Math.max(most, positive);
        worstSum = Math.max(worstSum, Math.abs(row.reduce((sum, weight) => sum + weight, 0) - 2 ** 22) / from);
      }
    }
  }
  assert.ok(most > 2 ** 22 && 255 * most + 2 ** 21 < 2 ** 31, `largest positive sum ${most / 2 ** 22}`);
  // A plain row stays plain: the weights' sum is off by at most half a unit a tap.
  assert.ok(worstSum <= 0.5, `sum of weights off by ${worstSum} a tap`);
});

test("impossible sizes and windows are usage errors", () => {
  const image = picture(4, 4);
  const usage = { name: "RocError", code: "USAGE" };
  assert.throws(() => resizeBicubic(image, { width: 0, height: 3 }), usage);
  assert.throws(() => resizeBicubic(image, { width: 2.5, height: 3 }), usage);
  const window = { left: 2, top: 0, width: 2, height: 1 };
  assert.throws(() => resizeBicubic(image, { width: 3, height: 3 }, { window }), usage);
  assert.throws(() => resizeBicubic({ width: 0, height: 4, data: new Uint8Array() }, { width: 3, height: 3 }), usage);
});

test("shortest edge truncates the longer one", () => {
  assert.deepEqual(shortestEdgeSize({ width: 640, height: 427 }, 336), { width: 503, height: 336 });
  assert.deepEqual(shortestEdgeSize({ width: 427, height: 640 }, 336), { width: 336, height: 503 });
  assert.deepEqual(shortestEdgeSize({ width: 50, height: 50 }, 7), { width: 7, height: 7 });
});

test("a crop larger than the picture is black outside, the odd pixel as in the reference", () => {
  const image = { width: 1, height: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
  const cropped = centerCrop(image, { width: 2, height: 3 });
  assert.deepEqual([...cropped.data], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 4, 5, 6]);
});

test("a line is resized on a square canvas that no memory holds", () => {
  const line = { width: 60_000, height: 1, data: new Uint8Array(180_000) };
  const canvas = squareCanvas(line, CLIP_GREY);
  const resized = resizeBicubic(line, { width: 4, height: 4 }, { canvas });
  assert.deepEqual([...resized.data.subarray(0, 3)], [...CLIP_GREY]);
});
