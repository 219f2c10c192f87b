/** Rows, tiles, prompts and answers against transformers' processor (make-processor.py), exactly. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import type { RgbImage } from "../../../src/image/index.js";
import {
  createLlavaOnevision,
  createLlavaOnevisionProcessor,
  loadLlavaOnevisionImages,
  parseLlavaOnevisionConfig,
  planOf,
  rowsOf,
} from "../../../src/models/llavaonevision/index.js";
import { factsOf } from "../../../src/models/families.js";
import { loadMllm } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import { randomSource } from "../../../src/nn/index.js";
import { ChatTemplate, loadTokenizer } from "../../../src/tokenizers/index.js";
import { inferenceMode, scope } from "../../../src/torch/index.js";
import { fixture } from "../../support.js";
import { ids } from "../support.js";
import { picture } from "../qwen2vl/support.js";

interface Fixture {
  template: string;
  ids: Record<string, number>;
  rows: [height: number, width: number, rows: number][];
  images: {
    sizes: [number, number][];
    config: Record<string, unknown>;
    together: boolean;
    shape: number[];
    image_sizes: [number, number][];
    sha256: string;
    first: number[];
  }[];
  conversations: { question: string; prompt: number[]; answers: { text: string; whole: number[] }[] }[];
}

const reference = JSON.parse(await readFile(fixture("llava_onevision/processor.json"), "utf8")) as Fixture;
const tiny = (await readJson(fixture("llava_onevision/tied/config.json"))) as Record<string, unknown>;
const config = {
  ...tiny,
  text_config: { ...(tiny["text_config"] as object), vocab_size: 400 },
  image_token_index: reference.ids["<image>"],
  video_token_index: reference.ids["<video>"],
};
const SMALL = reference.images[0]?.config as Record<string, unknown>;
/** Width and height of the fixture's pictures. */
const PICTURES = [picture(40, 19), picture(21, 50)];

async function makeProcessor(template?: string, image: unknown = SMALL, part: object = {}) {
  const tokenizer = await loadTokenizer(fixture("tokenizers/qwen"));
  tokenizer.addTokens(["<image>", "<video>"]);
  const chatTemplate = template === undefined ? undefined : new ChatTemplate(template);
  return createLlavaOnevisionProcessor({
    config: { ...config, ...part },
    tokenizer,
    imageFiles: { image },
    chatTemplate,
  });
}

test("pictures of 876 sizes become as many rows as in transformers, in the public checkpoints", () => {
  const { rules } = parseLlavaOnevisionConfig({ model_type: "llava_onevision" });
  assert.deepEqual([rules.size, rules.patches, rules.pinpoints.length, rules.most], [384, 27, 36, 9]);
  for (const [height, width, rows] of reference.rows) {
    assert.equal(rowsOf(planOf({ height, width }, rules), rules), rows, `${height} x ${width}`);
  }
});

test("tiles are those of transformers' Pillow processor, to the bit, and prepared where there is no libtorch", async () => {
  for (const { sizes, config: image, together, shape, image_sizes, sha256, first } of reference.images) {
    const side = shape.at(-1) ?? 0;
    const canvases = side === 384 ? undefined : tiny["image_grid_pinpoints"];
    const processor = await makeProcessor(undefined, image, {
      vision_config: { image_size: side, patch_size: 4 },
      image_grid_pinpoints: canvases,
    });
    const given = sizes.map((size) => picture(...size));
    const what = JSON.stringify([sizes, image["image_mean"]]);
    const prepare = await factsOf("llava_onevision")?.prepareBy?.(processor.steps);
    const prepared = await Promise.all(given.map((one) => prepare?.(one) as Promise<RgbImage>));
    if (!together) assert.deepEqual(prepared, given.map((one) => processor.pixels(one)), what); // prettier-ignore
    scope(() => {
      const batch = together ? processor.together(given) : processor.batch(prepared);
      const values = batch.pixelValues.toFloat32Array();
      const [images = 0, tiles = 0, ...rest] = shape;
      assert.deepEqual(batch.pixelValues.shape, [images * tiles, ...rest], what);
      assert.deepEqual([batch.tiles, batch.imageSizes], [given.map(() => tiles), image_sizes], what);
      assert.deepEqual([...values.subarray(0, 4)], first, what);
      assert.equal(createHash("sha256").update(values).digest("hex"), sha256, what);
    });
  }
  const processor = await makeProcessor();
  assert.throws(() => processor.batch([picture(14, 28)]), { code: "USAGE", message: /14 x 28 .*not prepared/ });
});

for (const [what, template] of [
  ["the public checkpoints' prompt", undefined],
  ["the checkpoint's own template", reference.template],
] as const) {
  test(`${what}: ids of prompts, and of answers behind them`, async () => {
    const processor = await makeProcessor(template);
    assert.equal(processor.endTokenId, reference.ids["<|im_end|>"]);
    for (const { question, prompt, answers } of reference.conversations) {
      scope(() => {
        const count = question.split("<image>").length - 1;
        const images = count > 0 ? processor.together(PICTURES.slice(0, count)) : undefined;
        const own = processor.prompt(question, images);
        assert.deepEqual(own, prompt, question);
        for (const { text, whole } of answers) assert.deepEqual([...own, ...processor.answer(text)], whole, text);
      });
    }
  });
}

test("a prompt needs its pictures; videos and parts that do not belong together are refused", async () => {
  const processor = await makeProcessor();
  scope(() => {
    const images = processor.images(PICTURES);
    assert.throws(() => processor.prompt("<image>What?"), { code: "USAGE", message: /1 images, but 0 are given/ });
    assert.throws(() => processor.prompt("<image>What?", images), { code: "USAGE", message: /1 images, but 2/ });
    assert.throws(() => processor.prompt("<video>What?"), { code: "USAGE", message: /<video>/ });
  });
  await assert.rejects(makeProcessor(undefined, SMALL, { image_token_index: 7 }), { code: "TOKENIZER_INVALID" });
  const refused = (image: object, message: RegExp): Promise<void> =>
    assert.rejects(makeProcessor(undefined, { ...SMALL, ...image }), { code: "CONFIG_INVALID", message });
  await refused({ size: { height: 28, width: 28 } }, /size is 28, .*14/);
  await refused({ image_grid_pinpoints: [[14, 14]] }, /not those of config.json/);
  await refused({ image_grid_pinpoints: [[15, 14]] }, /\[15, 14\]/);
  await refused({ image_processor_type: "CLIPImageProcessor" }, /LlavaOnevisionImageProcessor/);
  await refused({ do_center_crop: true }, /do_center_crop/);
});

test("a folder that is written is read back: prompts, tiles, and features with placeholders of one number", async () => {
  const folder = await mkdtemp(join(tmpdir(), "onevision-"));
  try {
    using model = createLlavaOnevision(config, randomSource({ seed: 1 }));
    await saveMllm(model, folder);
    const processor = await makeProcessor(reference.template);
    await processor.save(folder);
    await atomicWriteJson(join(folder, "video_preprocessor_config.json"), { size: { height: 14, width: 14 } });
    const { model: again, processor: own } = await loadMllm(folder);
    using _ = again;
    scope(() => {
      const images = processor.images(PICTURES.slice(0, 1));
      const prompt = own.prompt("<image>\nWhat?", images);
      assert.deepEqual(prompt, processor.prompt("<image>\nWhat?", images));
      const hidden = inferenceMode(() => again.forward({ inputIds: ids(prompt), images }));
      assert.equal(hidden.size(1), prompt.length);
    });
    await own.save(join(folder, "copy"));
    const read = (name: string): Promise<unknown> => readJson(join(folder, "copy", name));
    assert.deepEqual(await read("preprocessor_config.json"), SMALL);
    assert.deepEqual(await read("video_preprocessor_config.json"), { size: { height: 14, width: 14 } });
    assert.deepEqual(await read("processor_config.json"), {
      processor_class: "LlavaOnevisionProcessor",
      image_token: "<image>",
      video_token: "<video>",
      num_image_tokens: 9,
      vision_feature_select_strategy: "full",
      vision_aspect_ratio: "anyres_max_9",
    });
    await assert.rejects(loadLlavaOnevisionImages(folder, config, { resize: "pad" }), { code: "USAGE" });
    await assert.rejects(loadMllm(folder, { conversation: "v1" }), { code: "USAGE" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
