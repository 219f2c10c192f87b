/** Tiles, values, prompts and answers against transformers' processor and the original code (make-processor.py), exactly. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { atomicWriteJson, exists, readJson } from "../../../src/files/index.js";
import type { RgbImage } from "../../../src/image/index.js";
import { factsOf } from "../../../src/models/families.js";
import {
  createInternVl,
  createInternVlProcessor,
  gridOf,
  loadInternVlProcessor,
} from "../../../src/models/internvl/index.js";
import { loadImages, loadMllm } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import type { ImageBatch, MllmProcessor } from "../../../src/models/types.js";
import { randomSource } from "../../../src/nn/index.js";
import { ChatTemplate, loadTokenizer } from "../../../src/tokenizers/index.js";
import { liveTensors, scope } from "../../../src/torch/index.js";
import { fixture } from "../../support.js";
import { picture } from "../qwen2vl/support.js";
import { originalConfig } from "./support.js";

type Config = Record<string, unknown>;
interface Tiles {
  size: [number, number];
  config: Config;
  tiles: number;
  sha256: string;
}
interface Fixture {
  template: string;
  ids: Record<string, number>;
  grids: [w: number, h: number, size: number, min: number, max: number, columns: number, rows: number][];
  images: Tiles[];
  original_images: Tiles[];
  pictures: [number, number][];
  conversations: { question: string; prompt: number[]; answers: { text: string; whole: number[] }[] }[];
  original_conversations: { config: Config; question: string; prompt: number[] }[];
  slow: { text: string; ids: number[] }[];
}

const reference = (await readJson(fixture("internvl/processor.json"))) as Fixture;
const tokenizerFolder = fixture("internvl/tokenizer");
const imageTokenId = reference.ids["<IMG_CONTEXT>"] ?? -1;
const alive = liveTensors();

/** Tiles of 28 pixels, 4 rows each; small numbers of everything, a vocabulary for the tokenizer. */
const hf = {
  model_type: "internvl",
  vision_config: { hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 8, image_size: [28, 28], patch_size: [7, 7] },
  text_config: { model_type: "qwen2", vocab_size: 400, hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1 },
  image_token_id: imageTokenId,
}; // prettier-ignore

async function original(more: Config = {}): Promise<Config> {
  const { vision_config: vision, text_config: llm_config } = hf;
  const vision_config = { ...vision, image_size: 28, patch_size: 7, norm_type: "layer_norm", qk_normalization: false };
  return { ...(await originalConfig("hf")), vision_config, llm_config, force_image_size: 28, ...more };
}

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "internvl-"));
});
after(async () => {
  await rm(root, { recursive: true });
  assert.equal(liveTensors(), alive, "every tensor is freed");
});

async function imagesOf(config: Config, preprocessor?: Config, maxTiles?: number) {
  const folder = await mkdtemp(join(root, "images-"));
  await atomicWriteJson(join(folder, "config.json"), config);
  if (preprocessor) await atomicWriteJson(join(folder, "preprocessor_config.json"), preprocessor);
  return loadImages(folder, { maxTiles });
}

function assertTiles({ pixelValues, tiles }: ImageBatch, expected: Tiles): void {
  const what = JSON.stringify([expected.size, expected.config]);
  assert.deepEqual(tiles, [expected.tiles], what);
  assert.equal(createHash("sha256").update(pixelValues.toFloat32Array()).digest("hex"), expected.sha256, what);
}

test("grids are those of transformers and of the original code, exact ties among them", () => {
  for (const [width, height, size, min, max, columns, rows] of reference.grids) {
    const steps = { size, min, max, thumbnail: true };
    assert.deepEqual(
      gridOf({ width, height }, steps),
      [columns, rows],
      `${width} x ${height}, ${min} to ${max} of ${size}`,
    );
  }
  const sheet = { size: 448, min: 1, max: 12, thumbnail: true };
  const of = (width: number, height: number) => gridOf({ width, height }, sheet).join("x");
  assert.deepEqual([of(640, 427), of(700, 23), of(70, 350), of(47, 61)], ["3x2", "12x1", "1x5", "3x4"]);
});

test("values are those of transformers' Pillow processor, to the bit, however they are prepared", async () => {
  for (const expected of reference.images) {
    const images = await imagesOf(hf, expected.config);
    const one = picture(...expected.size);
    scope(() => assertTiles(images.images([one]), expected));
    if (one.width > 300) continue;
    const apart = await factsOf("internvl")?.prepareBy?.(JSON.parse(JSON.stringify(images.steps)));
    for (const pixels of [await images.prepare(one), await apart?.(one)]) assert.deepEqual(pixels, images.pixels(one));
  }
});

test("values are those of the original code, without a file as with CLIP's; one tile where that is asked for", async () => {
  const clip = { feature_extractor_type: "CLIPFeatureExtractor", size: 448, crop_size: 448, do_center_crop: true };
  const plain = { dynamic_image_size: false, use_thumbnail: false };
  for (const expected of reference.original_images) {
    const images = await imagesOf(await original({ ...plain, ...expected.config }));
    scope(() => assertTiles(images.images([picture(...expected.size)]), expected));
  }
  const [, , squash] = reference.original_images as [Tiles, Tiles, Tiles];
  const one = await imagesOf(await original(), clip, 1);
  scope(() => assertTiles(one.images([picture(...squash.size)]), squash));
  const other = await imagesOf(await original(plain), { ...clip, image_mean: [0.5, 0.5, 0.5] });
  scope(() => assert.throws(() => assertTiles(other.images([picture(...squash.size)]), squash)));
});

async function makeProcessor(template?: string): Promise<MllmProcessor> {
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const imageContent = await readJson(join(tokenizerFolder, "preprocessor_config.json"));
  const chatTemplate = template === undefined ? undefined : new ChatTemplate(template);
  return createInternVlProcessor({ config: hf, tokenizer, imageContent, chatTemplate });
}

function pictures(question: string): RgbImage[] {
  return reference.pictures.slice(0, question.split("<image>").length - 1).map((size) => picture(...size));
}

test("prompts and answers are those of transformers' processor; without a template the same", async () => {
  for (const template of [reference.template, undefined]) {
    const processor = await makeProcessor(template);
    for (const { question, prompt, answers } of reference.conversations) {
      scope(() => {
        const images = processor.images(pictures(question));
        assert.deepEqual(processor.prompt(question, images), prompt, question);
      });
      for (const { text, whole } of answers) {
        const ids = [...prompt, ...processor.answer(text), processor.endTokenId];
        assert.deepEqual(whole.slice(0, ids.length), ids, text);
      }
    }
  }
});

test("prompts are those of the original code, from the files that its checkpoints have", async () => {
  for (const { config, question, prompt } of reference.original_conversations) {
    const processor = await loadInternVlProcessor(fixture("internvl/slow"), await original(config));
    scope(() => {
      const images = processor.images(pictures(question));
      assert.deepEqual(processor.prompt(question, images), prompt, `${question} ${JSON.stringify(config)}`);
      assert.throws(() => processor.prompt(`${question}<image>`, images), { code: "USAGE" });
      assert.throws(() => processor.prompt("<video>What?"), { code: "USAGE", message: /<video>: InternVL's videos/ });
    });
  }
  const unknown = original({ template: "phi3-chat" });
  await assert.rejects(async () => loadInternVlProcessor(fixture("internvl/slow"), await unknown), {
    code: "CONFIG_INVALID",
    message: /template "phi3-chat".*internvl2_5/,
  });
});

test("a tokenizer of vocab.json and merges.txt has Python's ids; it is written as tokenizer.json", async () => {
  const tokenizer = await loadTokenizer(fixture("internvl/slow"));
  for (const { text, ids } of reference.slow) assert.deepEqual(tokenizer.encode(text), ids, text);
  const folder = join(root, "slow");
  await tokenizer.save(folder);
  const again = await loadTokenizer(folder);
  for (const { text, ids } of reference.slow) assert.deepEqual(again.encode(text), ids, text);
  const other = join(root, "other");
  await cp(fixture("internvl/slow"), other, { recursive: true });
  await atomicWriteJson(join(other, "tokenizer_config.json"), { tokenizer_class: "GPT2Tokenizer" });
  await assert.rejects(loadTokenizer(other), {
    code: "TOKENIZER_INVALID",
    message: /tokenizer_class is GPT2Tokenizer/,
  });
});

test("a whole original folder is loaded, saved and loaded: the same prompt and pixels", async () => {
  const folder = join(root, "whole");
  await cp(fixture("internvl/slow"), folder, { recursive: true });
  {
    using model = createInternVl(await original(), randomSource({ seed: 1 }));
    await saveMllm(model, folder);
  }
  const first = await loadMllm(folder);
  const copy = join(root, "copy");
  await saveMllm(first.model, copy);
  await first.processor.save(copy);
  // Those that Python's slow tokenizer asks for come through each copy.
  const last = join(root, "last");
  const second = await loadMllm(copy);
  await second.processor.save(last);
  for (const name of ["tokenizer.json", "vocab.json", "merges.txt"]) assert.ok(await exists(join(last, name)), name);
  scope(() => {
    const [one, other] = [first, second].map(({ processor, model }) => {
      const images = processor.images([picture(97, 61)]);
      assert.equal(model.imageFeatures(images).size(0), 4 * (images.tiles?.[0] ?? 0));
      return processor.prompt("<image>\nRate it.", images);
    });
    assert.deepEqual(one, other);
  });
  for (const { model } of [first, second]) model.dispose();
});

test("what does not fit is refused", async () => {
  await assert.rejects(imagesOf(hf, { size: { height: 28, width: 56 } }), {
    code: "CONFIG_INVALID",
    message: /squares/,
  });
  const above = /min_patches 20 is above max_patches 12/;
  await assert.rejects(imagesOf(hf, { min_patches: 20 }), { code: "CONFIG_INVALID", message: above });
  await assert.rejects(imagesOf(hf, { max_patches: 1000 }), { code: "CONFIG_INVALID", message: /max_patches/ });
  await assert.rejects(imagesOf(hf, { image_processor_type: "CLIPImageProcessor" }), {
    message: /GotOcr2ImageProcessor/,
  });
  await assert.rejects(imagesOf(hf), { code: "FILE_NOT_FOUND" });
  const images = await imagesOf(hf, { size: 28 });
  assert.throws(() => images.batch([picture(28, 30)]), { code: "USAGE", message: /28 x 30/ });
  const tokenizer = await loadTokenizer(fixture("tokenizers/qwen"));
  const parts = { config: hf, tokenizer, imageContent: { size: 28 } };
  assert.throws(() => createInternVlProcessor(parts), { code: "TOKENIZER_INVALID", message: /<img>/ });
});
