/** The resize against Pillow's own bytes, and geometry against the reference sheet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { centerCrop, cropImage, padToSquare, resizeBicubic, shortestEdgeSize } from "../../src/image/index.js";
import { squareCanvas } from "../../src/image/geometry.js";
import { resizeAsync } from "../../src/image/resize.js";
import { nativePixels } from "../../src/image/native.js";
import { Random } from "../../src/random.js";
import { bicubicTaps, plainResize } from "./plain-resize.js";
import { picture, reference, sha256 } from "./support.js";

const CLIP_GREY = [122, 116, 104] as const;

test("resizeBicubic gives Pillow's bytes at every size of the fixture", () => {
  assert.ok(reference.resizes.length > 20);
  for (const { source, target, sha256: expected } of reference.resizes) {
    const resized = resizeBicubic(picture(...source), { width: target[0], height: target[1] });
    assert.equal(sha256(resized.data), expected, `${source.join("x")} to ${target.join("x")}`);
  }
});

test("the plain one that the native one is held against gives Pillow's bytes too", () => {
  for (const { source, target, sha256: expected } of reference.resizes) {
    const resized = plainResize(picture(...source), { width: target[0], height: target[1] });
    assert.equal(sha256(resized.data), expected, `${source.join("x")} to ${target.join("x")}`);
  }
});

/** A picture, what it becomes, which part of that, and the canvas it is on. */
function drawCase(random: Random): Parameters<typeof plainResize> {
  const side = (most: number): number => 1 + random.int(most);
  const [width, height] = [side(60), side(60)];
  const image = { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.int(256)) };
  const size = {
    width: random.chance(0.2) ? width : side(80),
    height: random.chance(0.2) ? height : side(80),
  };
  const [left, top] = [random.int(size.width), random.int(size.height)];
  const window = { left, top, width: side(size.width - left), height: side(size.height - top) };
  if (random.chance(0.5)) return [image, size, { window }];
  const canvas = { width: width + random.int(30), height: height + random.int(30) };
  const level = (): number => random.int(256);
  return [
    image,
    size,
    {
      window,
      canvas: {
        ...canvas,
        left: random.int(canvas.width - width + 1),
        top: random.int(canvas.height - height + 1),
        color: [level(), level(), level()],
      },
    },
  ];
}

test("a thousand drawn sizes, windows and canvases: the native bytes are the plain ones, off the thread too", async () => {
  const random = new Random(12, "resize");
  for (let i = 0; i < 1000; i++) {
    const [image, size, options] = drawCase(random);
    const expected = plainResize(image, size, options);
    const label = JSON.stringify({ i, from: [image.width, image.height], size, options });
    assert.deepEqual(resizeBicubic(image, size, { ...options, threads: 1 + (i % 3) }), expected, label);
    if (i % 10 === 0) assert.deepEqual(await resizeAsync(image, size, options), expected, label);
  }
});

/** The pixel of an upright picture at (x, y) in one that is stored turned; as EXIF numbers the turns. */
function storedAt(orientation: number, { width, height }: { width: number; height: number }, x: number, y: number) {
  const [right, bottom] = [width - 1 - x, height - 1 - y];
  const places = [[x, y], [right, y], [right, bottom], [x, bottom], [y, x], [y, right], [bottom, right], [bottom, x]]; // prettier-ignore
  return places[orientation - 1] as [number, number];
}

test("a picture that is stored turned comes out as the upright one, with and without SIMD", () => {
  const upright = picture(61, 97);
  const window = { left: 3, top: 5, width: 30, height: 21 };
  const canvas = { width: 70, height: 99, left: 4, top: 1, color: [1, 200, 30] as const };
  const expected = plainResize(upright, { width: 40, height: 50 }, { window, canvas });
  for (let orientation = 1; orientation <= 8; orientation++) {
    const [width, height] = orientation >= 5 ? [97, 61] : [61, 97];
    const data = new Uint8Array(width * height * 3);
    for (let y = 0; y < upright.height; y++) {
      for (let x = 0; x < upright.width; x++) {
        const [at, row] = storedAt(orientation, upright, x, y);
        const pixel = (y * upright.width + x) * 3;
        data.set(upright.data.subarray(pixel, pixel + 3), (row * width + at) * 3);
      }
    }
    for (const plain of [0, 1]) {
      const [turned, cut] = [
        [width, height, orientation],
        [3, 5, 30, 21],
      ];
      const steps = Int32Array.of(...turned, 70, 99, 4, 1, 1, 200, 30, 40, 50, ...cut, 0, 1, 1, 1, 2, plain);
      const result = new Uint8Array(expected.data.length);
      nativePixels().run(steps, data, null, result, null);
      assert.equal(sha256(result), sha256(expected.data), `orientation ${orientation}, plain ${plain}`);
    }
  }
});

test("the native code refuses steps that would lead beside what it was given", () => {
  const sound = [4, 4, 1, 4, 4, 0, 0, 0, 0, 0, 2, 2, 0, 0, 2, 2, 0, 1, 1, 1, 1, 0];
  const run = (changes: Record<number, number>, pixels = 12, values: Float32Array | null = null): void => {
    const steps = Int32Array.from(sound, (value, i) => changes[i] ?? value);
    nativePixels().run(steps, new Uint8Array(48), values && new Float32Array(768), new Uint8Array(pixels), values);
  };
  run({});
  const wrong: Record<number, number>[] = [
    ...[{ 0: 0 }, { 0: 5 }, { 1: -4 }, { 2: 9 }, { 3: 3 }, { 4: 2 ** 30 }, { 5: 1 }, { 6: -1 }, { 7: 256 }],
    ...[{ 10: 0 }, { 11: 2 ** 31 - 1, 15: 2 ** 31 - 1 }, { 12: 1 }, { 13: -1 }, { 14: 3 }, { 16: 3 }, { 20: 0 }],
    ...[{ 16: 1 }, { 16: 2, 17: 2 }],
  ];
  for (const changes of wrong) assert.throws(() => run(changes), Error, JSON.stringify(changes));
  assert.throws(() => run({}, 11), /pixels/);
  assert.throws(() => run({ 16: 1 }, 12, new Float32Array(11)), /values/);
  assert.throws(() => run({ 16: 2, 17: 2, 18: 2 }, 12, new Float32Array(12)), /blocks/);
  run({ 16: 1 }, 12, new Float32Array(12));
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

test("padding a line to a square that no memory holds is refused", () => {
  const line = { width: 60_000, height: 1, data: new Uint8Array(180_000) };
  assert.throws(() => padToSquare(line, CLIP_GREY), { code: "IMAGE_TOO_LARGE", message: /60000/ });
  const canvas = squareCanvas(line, CLIP_GREY);
  const resized = resizeBicubic(line, { width: 4, height: 4 }, { canvas });
  assert.deepEqual([...resized.data.subarray(0, 3)], [...CLIP_GREY]);
});
