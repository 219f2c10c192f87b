/**
 * Checkpoints of others, made small: OneAlign's form (mPLUG-Owl2 without score tokens, scored by level words) and that of
 * the released ROC4MLLM (mPLUG-Owl2 with score tokens, no templates of ours).
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import sharp from "sharp";
import { load, type ScoreResult } from "../../src/engine/index.js";
import { createMplugOwl2 } from "../../src/models/mplugowl2/index.js";
import { loadMllm } from "../../src/models/registry.js";
import { saveMllm } from "../../src/models/save.js";
import { randomSource } from "../../src/nn/index.js";
import { addScoreTokens, scoreByPrefill, DEFAULT_TEMPLATES } from "../../src/roc/index.js";
import { loadTokenizer, trainTokenizer } from "../../src/tokenizers/index.js";
import { liveTensors, scope, withThreads, tensor } from "../../src/torch/index.js";
import { decodeImage } from "../../src/image/index.js";
import { atomicWriteJson } from "../../src/files/index.js";
import { fixture } from "../support.js";

let root: string;
let photo: string;

before(async () => {
  root = await mkdtemp(join(tmpdir(), "released-"));
  photo = join(root, "photo.png");
  await sharp({ create: { width: 90, height: 50, channels: 3, background: "#c08040" } }).toFile(photo);
});
after(() => rm(root, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), 0));

/** A tokenizer that has the level words as pieces, as LLaMA's has. */
async function writeTokenizer(folder: string): Promise<void> {
  const words = ["excellent", "good", "fair", "poor", "bad"].map((word) => `The quality of the image is ${word} .`);
  const files = trainTokenizer([...words, ...words, "USER: How would you rate ASSISTANT:"], { vocabSize: 380 });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), String(content));
}

/** A random mPLUG-Owl2 and, if asked, the score tokens that the authors' code adds to a SentencePiece tokenizer. */
async function checkpoint(name: string, withScores: boolean): Promise<string> {
  const folder = join(root, name);
  await cp(fixture("mplugowl2/tiny"), folder, {
    recursive: true,
    filter: (file) => !/\.(bin|index\.json)$/.test(file),
  });
  if (withScores) await cp(fixture("sentencepiece/llama/tokenizer.model"), join(folder, "tokenizer.model"));
  else await writeTokenizer(folder);
  const tokenizer = await loadTokenizer(folder);
  const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
  const plain = Object.fromEntries(Object.entries({ ...config, vocab_size: tokenizer.size }).filter(([key]) => !/score|_id$|weight$/.test(key) || key === "bos_token_id" || key === "eos_token_id")); // prettier-ignore
  // The fixture's 128 positions are too few for the authors' texts in these vocabularies.
  const roomy = { ...plain, image_aspect_ratio: "pad", max_position_embeddings: 512 };
  using model = createMplugOwl2(roomy, randomSource({ seed: 3 }));
  if (withScores) addScoreTokens(model, tokenizer);
  await saveMllm(model, folder);
  await tokenizer.save(folder);
  return folder;
}

async function scoreOf(folder: string): Promise<ScoreResult> {
  using model = await load(folder, { threads: 1 });
  for await (const result of model.score([photo])) {
    assert.ok(!("error" in result), JSON.stringify(result));
    return result;
  }
  throw new Error("no result");
}

test("OneAlign's form: the five level words' logits behind \"The quality of the image is\", on 1 to 5", async () => {
  const folder = await checkpoint("one-align", false);
  const result = await scoreOf(folder);
  assert.deepEqual(result.scale, { min: 1, max: 5 });
  const { model, processor } = await loadMllm(folder, { conversation: "q_align" });
  const image = await decodeImage(photo);
  const expected = scope(() => {
    const { tokenizer } = processor;
    const batch = processor.images([image]);
    // As Q-Align's own code: one text with a placeholder, split there, the stem behind the cue.
    const prompt = processor.prompt("How would you rate the quality of this image?\n<image>", batch);
    const words = ["bad", "poor", "fair", "good", "excellent"].map((word) =>
      tokenizer.encode(`ASSISTANT: The quality of the image is ${word}`, { addSpecialTokens: false }),
    );
    const cue = tokenizer.encode("ASSISTANT:", { addSpecialTokens: false }).length;
    const at = words[0]?.findIndex((id, i) => words.some((ids) => ids[i] !== id)) ?? -1;
    const ids = [...prompt, ...(words[0] ?? []).slice(cue, at)];
    const hidden = model.forward({ inputIds: tensor([ids], { dtype: "int64" }), images: batch });
    const logits = model.logits(hidden.select(1, -1)).toNumbers();
    const weights = words.map((row) => Math.exp(logits[row[at] as number] as number));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.reduce((sum, weight, i) => sum + (weight / total) * (i + 1), 0);
  });
  model.dispose();
  assert.ok(Math.abs(result.score - expected) < 1e-4, `${result.score} for ${expected}`);
  assert.match(result.answer, /^The quality of the image is (bad|poor|fair|good|excellent)\.$/);
});

test("the released form: score tokens in config.json, the authors' texts, Vicuna's conversation, 1 to 10", async () => {
  const folder = await checkpoint("released", true);
  const result = await scoreOf(folder);
  assert.deepEqual(result.scale, { min: 1, max: 10 });
  const { model, processor } = await loadMllm(folder, { conversation: "v1" });
  const image = await decodeImage(photo);
  const vocabularyFolder = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as Record<string, number>;
  assert.equal(vocabularyFolder["score_id"], processor.tokenizer.tokenToId("[SCORE]"));
  const vocabulary = addScoreTokens(model, processor.tokenizer);
  // Other numbers of threads round in another order.
  const [readings = []] = withThreads(1, () =>
    scope(() =>
      scoreByPrefill({ model, processor, vocabulary, templates: DEFAULT_TEMPLATES }, processor.images([image])),
    ),
  );
  model.dispose();
  assert.equal(result.score, readings[0]?.value);
});

test("a LLaVA without score tokens is no scoring checkpoint, and the error says what to do", async () => {
  const folder = join(root, "plain");
  await cp(fixture("llava/tiny"), folder, { recursive: true });
  await writeFile(join(folder, "tokenizer.json"), "{}");
  await atomicWriteJson(join(folder, "preprocessor_config.json"), {});
  await assert.rejects(load(folder), /has no score tokens.*Train it first/s);
  for (const text of ["[]", "null"]) {
    await writeFile(join(folder, "config.json"), text);
    await assert.rejects(load(folder), { code: "CONFIG_INVALID", message: /config\.json is no model's config/ });
  }
});
