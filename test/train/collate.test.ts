import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import sharp from "sharp";
import type { Sample } from "../../src/data/index.js";
import { RocError } from "../../src/errors.js";
import { storedOf } from "../../src/image/resize.js";
import type { RgbImage } from "../../src/image/types.js";
import type { MllmProcessor } from "../../src/models/types.js";
import { collate, TextCache, type Example } from "../../src/train/data/collate.js";
import { DataLoader } from "../../src/train/loop/data-loader.js";
import { flipHorizontally, PixelCache, type PixelCacheOptions } from "../../src/train/data/pixels.js";
import { precisionOf } from "../../src/train/loop/precision.js";
import { scope, zeros } from "../../src/torch/index.js";

const IMAGE = 90;
const POSITION = 99;
const END = 2;
let tokenised = 0;

/** One token per letter; `<image>` is two of {@link IMAGE}. */
function idsOf(text: string): number[] {
  tokenised += 1;
  const pieces = text.match(/<image>|\[SCORE\]|./g) ?? [];
  return pieces.flatMap((piece) =>
    piece === "<image>" ? [IMAGE, IMAGE] : piece === "[SCORE]" ? [POSITION] : [piece.charCodeAt(0) - 87],
  );
}

const processor: MllmProcessor = {
  tokenizer: {
    size: 100,
    bosTokenId: 1,
    eosTokenId: END,
    padTokenId: 0,
    encode: idsOf,
    decode: () => "",
    tokenToId: () => undefined,
    idToToken: () => undefined,
    addTokens: () => [],
    save: () => Promise.resolve(),
  },
  images: (images) => ({ pixelValues: zeros([images.length, 3, 2, 2]) }),
  pixels: (picture) => storedOf(picture).stored,
  prepare: (picture) => Promise.resolve(storedOf(picture).stored),
  batch: (images) => ({ pixelValues: zeros([images.length, 3, 2, 2]) }),
  prompt: (text) => [1, ...idsOf(text)],
  answer: idsOf,
  endTokenId: END,
  save: () => Promise.resolve(),
};

const strategy = { write: () => "[SCORE]", slotIds: [POSITION] };

const image: RgbImage = { width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
const label = (score: number): Example["labels"] => ({ overall: { score, distribution: null } });

test("a batch is right-padded, supervises answers with their end token, and keeps the labels' order", () => {
  const examples: Example[] = [
    { image, prompt: "<image>ab", answer: "c{overall}d", labels: label(3) },
    { image, prompt: "<image>a", answer: "{overall}", labels: label(7) },
  ];
  scope(() => {
    const batch = collate(examples, processor, strategy, new TextCache(processor));
    // Prompt, answer, no end token (it is predicted, not fed).
    const first = [1, IMAGE, IMAGE, 10, 11, 12, POSITION, 13];
    const second = [1, IMAGE, IMAGE, 10, POSITION, 0, 0, 0];
    assert.deepEqual(batch.input.inputIds.shape, [2, 8]);
    assert.deepEqual(batch.input.inputIds.toNumbers(), [...first, ...second]);
    assert.deepEqual(batch.input.rows, [4, 5, 6, 7, 8 + 3, 8 + 4]);
    assert.deepEqual(batch.targets, [12, POSITION, 13, END, POSITION, END]);
    assert.deepEqual(
      batch.labels.map(({ score }) => score),
      [3, 7],
    );
    assert.equal(batch.input.attentionMask, undefined);
    assert.deepEqual(batch.input.images?.pixelValues.shape, [2, 3, 2, 2]);
  });
});

test("several scores in one answer come in reading order; a missing rating is refused by name", () => {
  const labels = { light: { score: 2, distribution: null }, colour: { score: 5, distribution: [0, 1] } };
  scope(() => {
    const texts = new TextCache(processor);
    const example = { image, prompt: "<image>", answer: "a{colour}b{light}", labels };
    assert.deepEqual(collate([example], processor, strategy, texts).labels, [
      { ...labels.colour, name: "colour" },
      { ...labels.light, name: "light" },
    ]);
    assert.throws(() => collate([{ ...example, labels: label(1) }], processor, strategy, texts), {
      code: "DATA_INVALID",
      message: /\{colour\}.*overall/,
    });
  });
});

test("texts are tokenised once", () => {
  const texts = new TextCache(processor);
  const example: Example = { image, prompt: "<image>q", answer: "z{overall}", labels: label(1) };
  tokenised = 0;
  scope(() => collate([example, example, example], processor, strategy, texts));
  assert.equal(tokenised, 2);
});

test("pixels are decoded once within the limit, and mirrored without touching the kept ones", async () => {
  const folder = await mkdtemp(join(tmpdir(), "roc-pixels-"));
  const files = ["a.png", "b.png"].map((name) => join(folder, name));
  for (const [i, file] of files.entries()) {
    await sharp(Uint8Array.of(i, 0, 0, 9, 9, 9), { raw: { width: 2, height: 1, channels: 3 } })
      .png()
      .toFile(file);
  }
  let prepared = 0;
  const prepare: PixelCacheOptions["prepare"] = ({ stored }) => {
    prepared += 1;
    return stored;
  };
  const cache = new PixelCache({ prepare, limit: 6 });
  const [a, b] = ["a", "b"].map((id, i) => ({ id, image: files[i] ?? "" }));
  assert.ok(a && b);
  const first = await cache.of(a);
  await cache.of(b);
  await rm(folder, { recursive: true });
  const again = await cache.of(a);
  assert.equal(again, first);
  assert.equal(prepared, 2);
  await assert.rejects(cache.of(b), { code: "FILE_NOT_FOUND" }, "the second one was over the limit");
  assert.deepEqual([...flipHorizontally(first as RgbImage).data], [9, 9, 9, 0, 0, 0]);
  assert.deepEqual([...(first as RgbImage).data], [0, 0, 0, 9, 9, 9]);
});

test("of a batch of many pictures no more than four are decoded at a time", async () => {
  let inFlight = 0;
  let most = 0;
  const read = async (file: string, use: PixelCacheOptions["prepare"]): Promise<RgbImage> => {
    most = Math.max(most, ++inFlight);
    await setImmediate();
    inFlight -= 1;
    if (file.endsWith("7")) throw new RocError("IMAGE_BROKEN", `${file} is broken`);
    return use({ stored: { width: 1, height: 1, data: Uint8Array.of(Number(file), 0, 0) }, orientation: 1 });
  };
  const pixels = new PixelCache({ prepare: ({ stored }) => stored, skipBroken: true, read });
  const samples = Array.from({ length: 200 }, (_, i): Sample => ({
    id: `${i}`,
    image: `${i}`,
    score: 1,
    split: "train",
  }));
  const options = { seed: 1, batchSize: 50, accumulation: 2, flip: false, groupByLength: false };
  const feed = new DataLoader({ samples, pixels, length: () => 1, rank: 0, ranks: 1 }, options);
  const steps = [await feed.take(0, 1), await feed.take(1)];
  const shown = steps.flat().flatMap((batch) => batch.pictures());
  assert.equal(shown.length, 200);
  for (const { sample, image } of shown) assert.equal(image.data[0], Number(sample.image));
  assert.equal(most, 4);
  assert.equal(inFlight, 0);
});

test("auto takes bfloat16 where the device has it, and always the same", () => {
  assert.equal(precisionOf("cuda:1", ""), "bfloat16");
  assert.equal(precisionOf("cpu", "flags\t\t: avx512f avx512_bf16 avx512vl\n", {}), "bfloat16");
  assert.equal(precisionOf("cpu", "flags\t\t: amx_tile amx_bf16\n", {}), "bfloat16");
  assert.equal(precisionOf("cpu", "Features\t: asimd bf16 i8mm\n", {}), "bfloat16");
  assert.equal(precisionOf("cpu", "flags\t\t: avx2 avx512f\nbugs\t\t: bf16\n", {}), "float32");
  assert.equal(precisionOf("cpu", "", {}), "float32");
  assert.equal(precisionOf("cpu"), precisionOf("cpu"));
});
