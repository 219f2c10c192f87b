/** Prompts and answers against transformers' LlavaProcessor (test/fixtures/llava/make.py), exactly. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createImageProcessor } from "../../../src/image/index.js";
import { createLlavaProcessor } from "../../../src/models/llava/index.js";
import type { MllmProcessor } from "../../../src/models/types.js";
import { loadTokenizer } from "../../../src/tokenizers/index.js";
import { scope } from "../../../src/torch/index.js";
import { fixture } from "../../support.js";
import { TINY } from "./support.js";

interface Fixture {
  image_token_index: number;
  vocab_size: number;
  cases: { question: string; prompt: number[]; answers: { text: string; whole: number[] }[] }[];
}

const reference = JSON.parse(await readFile(fixture("llava/processor.json"), "utf8")) as Fixture;
const tiny = JSON.parse(await readFile(join(TINY, "config.json"), "utf8")) as { text_config: object };
const { image_token_index, vocab_size } = reference;
const config = { ...tiny, image_token_index, text_config: { ...tiny.text_config, vocab_size } };
const imageProcessor = createImageProcessor({
  image_processor_type: "CLIPImageProcessor",
  size: { shortest_edge: 28 },
  crop_size: { height: 28, width: 28 },
});
const picture = { width: 40, height: 30, data: Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * 7) % 256) };

async function makeProcessor(): Promise<MllmProcessor> {
  const tokenizer = await loadTokenizer(fixture("tokenizers/llama"));
  return createLlavaProcessor({ config, tokenizer, imageProcessor });
}

test("ids of prompts, and of answers behind them, are those of the whole conversation", async () => {
  const processor = await makeProcessor();
  for (const { question, prompt, answers } of reference.cases) {
    assert.deepEqual(processor.prompt(question), prompt, question);
    for (const { text, whole } of answers) {
      assert.deepEqual([...processor.prompt(question), ...processor.answer(text)], whole, `${question} ${text}`);
    }
  }
});

test("images: one block a picture; a prompt for another number of them is an error", async () => {
  const processor = await makeProcessor();
  scope(() => {
    const images = processor.images([picture, picture]);
    assert.deepEqual(images.pixelValues.shape, [2, 3, 28, 28]);
    const second = images.pixelValues.select(0, 1).toFloat32Array();
    assert.deepEqual(second, imageProcessor.values(imageProcessor.pixels(picture)));
    assert.equal(
      processor.prompt("<image>\n<image>\nWhich?", images).filter((id) => id === image_token_index).length,
      32,
    );
    assert.throws(() => processor.prompt("<image>\nWhat?", images), { code: "USAGE", message: /2 images/ });
  });
});

test("a processor whose parts do not belong together is refused", async () => {
  const tokenizer = await loadTokenizer(fixture("tokenizers/llama"));
  const other = { ...config, image_token_index: 7 };
  assert.throws(() => createLlavaProcessor({ config: other, tokenizer, imageProcessor }), {
    code: "TOKENIZER_INVALID",
  });
  const large = createImageProcessor({ image_processor_type: "CLIPImageProcessor" });
  const parts = { config, tokenizer, imageProcessor: large };
  assert.throws(() => createLlavaProcessor(parts), { code: "CONFIG_INVALID", message: /224x224.*28x28/ });
});

test("its settings are written as transformers reads them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "llava-"));
  try {
    const processor = await makeProcessor();
    await processor.save(folder);
    const written = JSON.parse(await readFile(join(folder, "processor_config.json"), "utf8")) as object;
    assert.deepEqual(written, {
      processor_class: "LlavaProcessor",
      image_token: "<image>",
      patch_size: 7,
      vision_feature_select_strategy: "default",
      num_additional_image_tokens: 1,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
