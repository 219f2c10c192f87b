/** Edits of pictures against values worked out by hand, and their geometry against its own conditions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { applyEdits, cropWindow, straightenedSize, type Edits } from "../../src/image/edits/index.js";
import type { RgbImage } from "../../src/image/index.js";
import { isRocError } from "../../src/errors.js";
import { Random } from "../../src/random.js";

function noise(width: number, height: number): RgbImage {
  const random = new Random("edits", width, height);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.int(256)) };
}

function pixels(...data: number[]): RgbImage {
  return { width: data.length / 3, height: 1, data: Uint8Array.from(data) };
}

async function edited(image: RgbImage, edits: Edits): Promise<number[]> {
  return [...(await applyEdits(image, edits)).data];
}

test("edits that change nothing give the same bytes", async () => {
  const image = noise(31, 17);
  const nothing: Edits[] = [
    {},
    { exposure: 0, warmth: 0, contrast: 1, saturation: 1, straighten: 0 },
    { crop: { aspect: "original", size: 1, x: 0.3, y: 0.9 } },
  ];
  for (const edits of nothing) assert.deepEqual(await applyEdits(image, edits), image);
});

test("edits leave the picture that they are given as it is", async () => {
  const image = noise(24, 16);
  const before = Uint8Array.from(image.data);
  await applyEdits(image, { straighten: 3, exposure: 1, contrast: 2, saturation: 0.5, warmth: 0.3 });
  assert.deepEqual(image.data, before);
});

// Linear light of the byte 100: ((100/255 + 0.055) / 1.055)^2.4 = 0.127438. Doubled 0.254876 is 0.5419 encoded, 138.17 of 255; halved
// 0.063719 is 0.2798, 71.34. Of 200: 0.577580, doubled above white, halved 0.288790 is 0.5739, 146.35. The byte 10 lies on the straight
// part as 10/255/12.92 = 0.0030353; doubled 0.0060706 is on the curve: 0.0708, 18.06; halved 0.0015176 is 5 exactly.
test("exposure is in stops of linear light, and what is above white is white", async () => {
  const image = pixels(100, 200, 10);
  assert.deepEqual(await edited(image, { exposure: 1 }), [138, 255, 18]);
  assert.deepEqual(await edited(image, { exposure: -1 }), [71, 146, 5]);
});

test("warmth gives red light and takes blue, and leaves green", async () => {
  // A stop more of red against blue is half a stop each: 0.127438 by the root of 2 is 0.180225 (118.00), divided 0.090113 (84.67).
  assert.deepEqual(await edited(pixels(100, 100, 100), { warmth: 1 }), [118, 100, 85]);
});

test("contrast stretches about middle grey", async () => {
  // 127.5 + 1.5 * (80 - 127.5) = 56.25, and 116.25 of 120. At 4 the byte 60 is 142 below black, 180 is 82 above white.
  const greys = pixels(80, 80, 80, 120, 120, 120);
  assert.deepEqual(await edited(greys, { contrast: 1.5 }), [56, 56, 56, 116, 116, 116]);
  assert.deepEqual(await edited(pixels(60, 60, 60, 180, 180, 180), { contrast: 4 }), [0, 0, 0, 255, 255, 255]);
  assert.deepEqual(await edited(greys, { contrast: 0.2 }), [118, 118, 118, 126, 126, 126]);
});

test("saturation stretches about each pixel's own grey", async () => {
  // Lightness of (200, 100, 50): 0.2126 * 200 + 0.7152 * 100 + 0.0722 * 50 = 117.65.
  const image = pixels(200, 100, 50);
  assert.deepEqual(await edited(image, { saturation: 0 }), [118, 118, 118]);
  assert.deepEqual(await edited(image, { saturation: 0.5 }), [159, 109, 84]);
  assert.deepEqual(await edited(image, { saturation: 1.5 }), [241, 91, 16]);
});

test("a crop keeps the pixels of its window", async () => {
  const image: RgbImage = { width: 6, height: 4, data: Uint8Array.from({ length: 72 }, (_, i) => Math.floor(i / 3)) };
  const window = cropWindow(image, { aspect: "1:1", size: 0.5, x: 1, y: 0.5 });
  assert.deepEqual(window, { left: 4, top: 1, width: 2, height: 2 });
  const { width, height, data } = await applyEdits(image, { crop: { aspect: "1:1", size: 0.5, x: 1, y: 0.5 } });
  assert.deepEqual([width, height], [2, 2]);
  assert.deepEqual([0, 3, 6, 9].map((at) => data[at]), [10, 11, 16, 17]); // prettier-ignore
});

test("a crop's proportions follow the picture's longer side", () => {
  const crop = { size: 1, x: 0, y: 0 } as const;
  assert.deepEqual(cropWindow({ width: 900, height: 900 }, { ...crop, aspect: "3:2" }), { left: 0, top: 0, width: 900, height: 600 }); // prettier-ignore
  assert.deepEqual(cropWindow({ width: 800, height: 1000 }, { ...crop, aspect: "16:9" }), { left: 0, top: 0, width: 563, height: 1000 }); // prettier-ignore
  assert.deepEqual(cropWindow({ width: 800, height: 1000 }, { ...crop, aspect: "5:4" }), { left: 0, top: 0, width: 800, height: 1000 }); // prettier-ignore
});

test("a straightened picture holds nothing but its own pixels, and as many as fit", async () => {
  const white: RgbImage = { width: 120, height: 80, data: new Uint8Array(120 * 80 * 3).fill(255) };
  for (const degrees of [-10, -3.3, 0.7, 5, 10]) {
    const { width, height, data } = await applyEdits(white, { straighten: degrees });
    assert.ok(data.every((byte) => byte === 255), `${degrees}: a corner of the background`); // prettier-ignore
    // The corners of the largest rectangle, turned back, touch the picture's edge; one pixel less on each side for interpolation.
    const turn = (degrees * Math.PI) / 180;
    const [wide, high] = [width + 2, height + 2];
    const reach = [
      (wide * Math.cos(turn) + high * Math.abs(Math.sin(turn))) / white.width,
      (wide * Math.abs(Math.sin(turn)) + high * Math.cos(turn)) / white.height,
    ];
    assert.ok(Math.max(...reach) <= 1 && Math.max(...reach) > 0.97, `${degrees}: fills ${Math.max(...reach)}`);
    assert.deepEqual({ width, height }, straightenedSize(white, degrees));
  }
});

test("straightening turns clockwise about the middle", async () => {
  // A white bar from the middle to the right, two pixels high; turned clockwise its right end goes down.
  const data = new Uint8Array(101 * 61 * 3);
  for (const y of [29, 30, 31]) data.fill(255, (y * 101 + 50) * 3, (y * 101 + 101) * 3);
  const turned = await applyEdits({ width: 101, height: 61, data }, { straighten: 10 });
  const column = (x: number): number[] => Array.from({ length: turned.height }, (_, y) => turned.data[(y * turned.width + x) * 3] ?? 0); // prettier-ignore
  const middle = (values: readonly number[]): number =>
    values.reduce((sum, value, y) => sum + value * (y + 0.5), 0) / values.reduce((sum, value) => sum + value, 0);
  const x = turned.width - 6;
  const fall = (x + 0.5 - turned.width / 2) * Math.tan((10 * Math.PI) / 180);
  assert.ok(Math.abs(middle(column(x)) - turned.height / 2 - fall) < 1, `${middle(column(x))}`);
});

test("values out of range are refused by name", async () => {
  const wrong: [Edits, RegExp][] = [
    [{ straighten: 11 }, /"straighten" is 11/],
    [{ exposure: Number.NaN }, /"exposure" is NaN/],
    [{ contrast: -1 }, /"contrast" is -1/],
    [{ crop: { aspect: "original", size: 0, x: 0, y: 0 } }, /size 0/],
    [{ crop: { aspect: "2:1" as "1:1", size: 1, x: 0, y: 0 } }, /aspect is "2:1"/],
  ];
  for (const [edits, message] of wrong)
    await assert.rejects(applyEdits(noise(8, 8), edits), (error) => isRocError(error) && error.code === "USAGE" && message.test(error.message)); // prettier-ignore
});
