/** The order of a resize's passes as Pillow 13 chooses it (test/fixtures/image/make_passes.py). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { laionFacts } from "../../src/baselines/clip/facts.js";
import { maxvitFacts } from "../../src/baselines/maxvit/facts.js";
import { createImageProcessor, resizeAs, resizeAsync, type PixelFilter } from "../../src/image/index.js";
import { fixture } from "../support.js";
import { picture, sha256, turnedPictures } from "./support.js";

interface Case {
  readonly source: [number, number];
  readonly target: [number, number];
  readonly filter: PixelFilter;
  readonly sha256: string;
}
const { resizes, clip } = JSON.parse(readFileSync(fixture("image/passes.json"), "utf8")) as {
  resizes: Case[];
  clip: { config: object; cases: Omit<Case, "target" | "filter">[] };
};

test("resizeAs gives Pillow 13's bytes in every shape, however the picture is stored", async () => {
  assert.ok(resizes.length > 40);
  for (const { source, target, filter, sha256: expected } of resizes) {
    const size = { width: target[0], height: target[1] };
    const upright = picture(...source);
    // Large ones as they are: a turn moves whole pixels.
    const isSmall = upright.data.length < 40_000;
    for (const stored of isSmall ? turnedPictures(upright) : [{ stored: upright, orientation: 1 }]) {
      const label = `${source.join("x")} to ${target.join("x")}, ${filter}, orientation ${stored.orientation}`;
      const { width, height, data } = await resizeAs(stored, size, filter);
      assert.deepEqual([width, height, sha256(data)], [...target, expected], label);
    }
  }
});

test("a canvas and a chained resize go the same way, in every turn", async () => {
  const upright = picture(30, 90);
  const white = { width: 40, height: 120, left: 3, top: 20, color: [255, 255, 255] } as const;
  const laid = { width: 40, height: 120, data: new Uint8Array(40 * 120 * 3).fill(255) };
  for (let y = 0; y < 90; y++) laid.data.set(upright.data.subarray(y * 90, y * 90 + 90), ((y + 20) * 40 + 3) * 3);
  const first = { width: 30, height: 200 };
  const longer = await resizeAsync(upright, first);
  const size = { width: 24, height: 17 };
  const window = { left: 5, top: 2, width: 9, height: 11 };
  const options = { passes: "pillow13", window } as const;
  const onCanvas = await resizeAsync(laid, size, options);
  const chained = await resizeAsync(longer, size, options);
  assert.notDeepEqual(onCanvas, await resizeAsync(laid, size, { window }));
  for (const stored of turnedPictures(upright)) {
    assert.deepEqual(await resizeAsync(stored, size, { ...options, canvas: white }), onCanvas);
    assert.deepEqual(await resizeAsync(stored, size, { ...options, first }), chained);
  }
});

test("CLIP's pictures are those of transformers on Pillow 13, those of language models are as they were", async () => {
  const prepare = await laionFacts.prepareBy(clip.config);
  const processor = createImageProcessor(clip.config);
  for (const { source, sha256: expected } of clip.cases) {
    const prepared = await prepare(picture(...source));
    assert.equal(sha256(processor.values(prepared)), expected, source.join("x"));
  }
  const tall = picture(50, 300);
  assert.notDeepEqual(await processor.prepare(tall), await prepare(tall));
  assert.deepEqual(await processor.prepare(tall), processor.pixels(tall));
});

test("MaxViT's squares are Pillow 13's", async () => {
  const prepare = await maxvitFacts.prepareBy({ fit: "squash", side: 224, filter: "bicubic" });
  const expected = resizes.find(({ source, filter }) => source.join() === "300,640" && filter === "bicubic");
  assert.equal(sha256((await prepare(picture(300, 640))).data), expected?.sha256);
});
