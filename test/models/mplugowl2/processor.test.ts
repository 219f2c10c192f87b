/**
 * mPLUG-Owl2's pictures and prompts. LLaMA's own tokenizer.model is not at hand: the ids of the sheet's section 3.6 are
 * checked piece by piece with a small SentencePiece model of the same kind, lone "▁" pieces round the image included.
 */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { resizeBicubic } from "../../../src/image/index.js";
import {
  createMplugOwl2,
  IMAGE_ID,
  loadMplugOwl2Processor,
  mplugOwl2ImageProcessor,
  promptIds,
} from "../../../src/models/mplugowl2/index.js";
import { loadImages, loadMllm } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import type { MllmProcessor, ProcessorOptions } from "../../../src/models/types.js";
import { randomSource } from "../../../src/nn/index.js";
import { addScoreTokens } from "../../../src/roc/index.js";
import { loadTokenizer, type Tokenizer } from "../../../src/tokenizers/index.js";
import { liveTensors, scope } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { fixture } from "../../support.js";
import { picture, sha256 } from "../../image/support.js";
import { ROWS, TINY } from "./support.js";

const alive = liveTensors();
const SIZES: readonly (readonly [number, number])[] = [
  [97, 61],
  [640, 427],
];
let folder: string;
let config: Record<string, unknown>;
let tokenizer: Tokenizer;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "mplugowl2-"));
  await copyFile(fixture("sentencepiece/llama/tokenizer.model"), join(folder, "tokenizer.model"));
  tokenizer = await loadTokenizer(folder);
  const tiny = (await readJson(join(TINY, "config.json"))) as Record<string, unknown>;
  config = { ...tiny, vocab_size: tokenizer.size };
});
after(async () => {
  await rm(folder, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

function processor(options: ProcessorOptions = {}, extra: object = {}): Promise<MllmProcessor> {
  return loadMplugOwl2Processor(folder, { ...config, ...extra }, options);
}

/** Pieces as one string, bytes as their characters; `[I]` is a visual row. */
function pieces(of: readonly number[]): string {
  const text = of.map((id) => (id === IMAGE_ID ? "[I]" : (tokenizer.idToToken(id) ?? `?${id}`))).join("");
  return text.replace(/<0x(..)>/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

const IMAGE = "[I]".repeat(ROWS);
const full = { model_type: "mplug_owl2" };

test("pictures are stretched to a square of their longer edge, then to 448", async () => {
  const images = await mplugOwl2ImageProcessor(folder, full);
  for (const [width, height] of SIZES) {
    const source = picture(width, height);
    const square = resizeBicubic(source, { width, height: width });
    const wanted = resizeBicubic(square, { width: 448, height: 448 });
    assert.equal(sha256(images.pixels(source).data), sha256(wanted.data));
  }
});

test('image_aspect_ratio "pad", or the option, pads with the mean colour: hashes of section 8.6', async () => {
  const hashes = ["38af08c5141b0044", "5c7ae4865cf3470c"];
  const padded = { ...full, image_aspect_ratio: "pad" };
  for (const images of [
    await mplugOwl2ImageProcessor(folder, padded),
    await mplugOwl2ImageProcessor(folder, full, { resize: "pad" }),
  ]) {
    const found = SIZES.map(([width, height]) => sha256(images.pixels(picture(width, height)).data));
    assert.deepEqual(
      found.map((hash) => hash.slice(0, 16)),
      hashes,
    );
  }
  const stretched = await mplugOwl2ImageProcessor(folder, padded, { resize: "stretch" });
  assert.ok(!hashes.includes(sha256(stretched.pixels(picture(97, 61)).data).slice(0, 16)));
});

test("a folder with config.json alone gives pictures of the vision tower's size and CLIP's values", async () => {
  await atomicWriteJson(join(folder, "alone", "config.json"), config);
  const inputs = await loadImages(join(folder, "alone"));
  const white = { width: 5, height: 5, data: new Uint8Array(75).fill(255) };
  scope(() => {
    const { pixelValues } = inputs.images([white, white]);
    assert.deepEqual(pixelValues.shape, [2, 3, 28, 28]);
    const [red = NaN] = pixelValues.toNumbers();
    assert.ok(Math.abs(red - 1.9303) < 1e-4);
  });
});

test("mPLUG-Owl2's conversation: a lone piece before the image, a fresh word behind it", async () => {
  const { prompt } = bound(await processor());
  assert.equal(pieces(prompt("<|image|>Describe the image.")), `<s>▁USER:▁${IMAGE}▁Describe▁the▁image.▁ASSISTANT:`);
  assert.deepEqual(prompt("<image>Describe the image."), prompt("<|image|>Describe the image."));
  assert.equal(pieces(prompt("Hello.")), "<s>▁USER:▁Hello.▁ASSISTANT:");
  const two = `<s>▁USER:▁${IMAGE}${IMAGE}▁Which▁one?▁ASSISTANT:`;
  assert.equal(pieces(prompt("<image><image>Which one?")), two);
});

test("Q-Align's conversation: lone pieces and line breaks round the image, and the answer's stem", async () => {
  const { prompt, answer } = bound(await processor({ conversation: "q_align" }));
  const question = "How would you rate the quality of this image?\n<|image|>";
  const wanted = `<s>▁USER:▁How▁would▁you▁rate▁the▁quality▁of▁this▁image?\n${IMAGE}▁\nASSISTANT:`;
  assert.equal(pieces(prompt(question)), wanted);
  assert.equal(pieces(answer("The quality of the image is")), "▁The▁quality▁of▁the▁image▁is");
});

const VICUNA =
  "<s>▁A▁chat▁between▁a▁curious▁user▁and▁an▁artificial▁intelligence▁assistant.▁The▁assistant▁gives▁helpful," +
  "▁detailed,▁and▁polite▁answers▁to▁the▁user's▁questions.▁USER:▁";

test("a checkpoint with score tokens: v1, as the released inference", async () => {
  const wanted = `${VICUNA}${IMAGE}▁\nPlease▁rate▁the▁aesthetics▁of▁the▁image.▁ASSISTANT:`;
  const scores = await processor({}, { score_id: 400 });
  for (const marker of ["<image>", "<|image|>"]) {
    assert.equal(pieces(scores.prompt(`${marker}\nPlease rate the aesthetics of the image.`)), wanted);
  }
  const asked = await processor({ conversation: "mplug_owl2" }, { score_id: 400 });
  assert.ok(!pieces(asked.prompt("<image>")).includes("chat"), "what is asked for wins");
  await assert.rejects(processor({ conversation: "v7" }), { code: "USAGE", message: /v7.*mplug_owl2, v1, q_align/ });
});

test("a prompt that starts with an image has the BOS token behind it", () => {
  assert.equal(pieces(promptIds(tokenizer, "<|image|>Hello")), "[I]<s>▁Hello");
  assert.equal(pieces(promptIds(tokenizer, "Hello<|image|>")), "<s>▁Hello[I]");
});

test("a prompt for another number of images is an error", async () => {
  const { images, prompt } = bound(await processor());
  scope(() => {
    const batch = images([picture(30, 20)]);
    assert.equal(prompt("<image>What?", batch).filter((id) => id === IMAGE_ID).length, ROWS);
    assert.throws(() => prompt("<image><image>What?", batch), { code: "USAGE", message: /1 images/ });
  });
});

/** Methods to be called alone. */
function bound(of: MllmProcessor) {
  return {
    prompt: (...args: Parameters<MllmProcessor["prompt"]>) => of.prompt(...args),
    answer: (text: string) => of.answer(text),
    images: (...args: Parameters<MllmProcessor["images"]>) => of.images(...args),
  };
}

test("a whole checkpoint with score tokens: its files, its tokenizer.model as it was, its own conversation", async () => {
  const trained = await processor();
  using model = createMplugOwl2(config, randomSource({ seed: 1 }));
  const { positionId } = addScoreTokens(model, trained.tokenizer);
  const saved = join(folder, "whole");
  await saveMllm(model, saved);
  await trained.save(saved);
  assert.deepEqual((await readdir(saved)).sort(), [
    "added_tokens.json",
    "config.json",
    "model.safetensors",
    "preprocessor_config.json",
    "processor_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "tokenizer_config.json",
  ]);
  const [before, after] = await Promise.all([folder, saved].map((path) => readFile(join(path, "tokenizer.model"))));
  assert.ok(before && after?.equals(before), "tokenizer.model is as it was");
  const loaded = await loadMllm(saved);
  loaded.model.dispose();
  assert.equal(loaded.processor.endTokenId, 2);
  const answer = loaded.processor.answer("The rate is [SCORE]. ");
  assert.ok(answer.includes(positionId));
  assert.deepEqual(answer, trained.answer("The rate is [SCORE]. "));
  const question = "<image>\nRate it.";
  // Trained on mPLUG-Owl2's own conversation, it keeps that one although it has score tokens now.
  assert.deepEqual(loaded.processor.prompt(question), trained.prompt(question));
});
