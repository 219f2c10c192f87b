/** Sizes, patches, prompts and answers against transformers' processor (make-processor.py), exactly. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { RgbImage } from "../../../src/image/index.js";
import { QwenImages } from "../../../src/models/common/qwen/images.js";
import type { Grid } from "../../../src/models/common/qwen/positions.js";
import type { QwenProcessor } from "../../../src/models/common/qwen/processor.js";
import { smartResize } from "../../../src/models/common/qwen/smart-resize.js";
import {
  createQwen2Vl,
  createQwen2VlProcessor,
  loadQwen2VlImages,
  parseQwen2VlConfig,
} from "../../../src/models/qwen2vl/index.js";
import { loadImages, loadMllm } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import type { ImageBatch } from "../../../src/models/types.js";
import { randomSource } from "../../../src/nn/index.js";
import { ChatTemplate, loadTokenizer } from "../../../src/tokenizers/index.js";
import { liveTensors, scope } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { fixture } from "../../support.js";
import { maxError } from "../support.js";
import { picture } from "./support.js";

interface Patches {
  grid: Grid;
  sha256: string;
  first: number[];
  last: number[];
  mean: number;
}
interface Fixture {
  template: string;
  ids: Record<string, number>;
  sizes: [h: number, w: number, min: number, max: number, toH: number, toW: number][];
  images: ({ size: [number, number]; config: Record<string, number> } & Patches)[];
  video: { frames: number; shift: number; size: [number, number] } & Patches;
  pictures: [number, number][];
  conversations: { question: string; prompt: number[]; answers: { text: string; whole: number[] }[] }[];
}

const reference = JSON.parse(await readFile(fixture("qwen2vl/processor.json"), "utf8")) as Fixture;
const PUBLIC = { min_pixels: 3136, max_pixels: 12845056 };
const [imageTokenId, videoTokenId] = ["<|image_pad|>", "<|video_pad|>"].map((token) => reference.ids[token] ?? -1);
const config = {
  model_type: "qwen2_vl",
  vision_config: { depth: 1, embed_dim: 16, num_heads: 2, hidden_size: 16 },
  ...{ vocab_size: 400, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2 },
  ...{ num_attention_heads: 2, num_key_value_heads: 1, tie_word_embeddings: true },
  rope_scaling: { type: "mrope", mrope_section: [2, 1, 1] },
  ...{ image_token_id: imageTokenId, video_token_id: videoTokenId },
};
const tokenizerFolder = fixture("qwen2vl/tokenizer");

async function makeProcessor(template?: string): Promise<QwenProcessor> {
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const imageFiles = { image: await readJson(join(tokenizerFolder, "preprocessor_config.json")) };
  const chatTemplate = template === undefined ? undefined : new ChatTemplate(template);
  return createQwen2VlProcessor({ config, tokenizer, imageFiles, chatTemplate });
}

function pictures(count: number): RgbImage[] {
  return reference.pictures.slice(0, count).map((size) => picture(...size));
}

function assertPatches(batch: ImageBatch, expected: Patches, what: string): void {
  const values = batch.pixelValues.toFloat32Array();
  assert.deepEqual(batch.imageGridThw, [expected.grid], what);
  assert.ok(maxError(values.subarray(0, 4), expected.first) < 1e-6, what);
  assert.ok(maxError(values.subarray(-3), expected.last) < 1e-6, what);
  assert.equal(createHash("sha256").update(values).digest("hex"), expected.sha256, what);
}

test("sizes are those of smart_resize, for hundreds of shapes and several limits", () => {
  for (const [height, width, minPixels, maxPixels, toHeight, toWidth] of reference.sizes) {
    const size = smartResize({ height, width }, { factor: 28, minPixels, maxPixels });
    assert.deepEqual(size, { width: toWidth, height: toHeight }, `${width} x ${height}, ${minPixels} to ${maxPixels}`);
  }
});

test("the sheet's sizes (section 2.3), halves rounded to even, and the limit of the ratio", () => {
  const of = (height: number, width: number, maxPixels = PUBLIC.max_pixels): number[] => {
    const size = smartResize({ height, width }, { factor: 28, minPixels: 3136, maxPixels });
    return [size.height, size.width];
  };
  const table = [
    [336, 336, 336, 336],
    [448, 448, 448, 448],
    [512, 512, 504, 504],
    [480, 640, 476, 644],
    [384, 512, 392, 504],
    [768, 1024, 756, 1036],
    [1024, 1024, 1036, 1036],
    [1080, 1920, 1092, 1932],
    [3000, 4000, 2996, 4004],
    [224, 224, 224, 224],
    [70, 350, 56, 336],
    [126, 70, 112, 56],
  ] as const;
  for (const [h, w, toH, toW] of table) assert.deepEqual(of(h, w), [toH, toW], `${h} x ${w}`);
  assert.deepEqual(of(1080, 1920, 1003520), [728, 1316]);
  assert.deepEqual(of(1, 200), [28, 812]);
  assert.throws(() => of(10, 2001), { code: "IMAGE_UNSUPPORTED", message: /2001 x 10 .*200 times/ });
});

test("patches are those of transformers' Pillow processor, to the bit", () => {
  for (const { size, config: file, ...expected } of reference.images) {
    const side = { patch_size: file["patch_size"], spatial_merge_size: file["merge_size"] };
    const frames = { temporal_patch_size: file["temporal_patch_size"] };
    const vision_config = { ...config.vision_config, ...side, ...frames };
    const { vision } = parseQwen2VlConfig({ ...config, vision_config });
    scope(() => {
      const inputs = new QwenImages(vision, { image: file });
      assertPatches(inputs.images([picture(...size)]), expected, JSON.stringify([size, file]));
      const pixels = inputs.pixels(picture(...size));
      assert.deepEqual(inputs.pixels(pixels), pixels, "a resized picture stays as it is");
    });
  }
});

test("the sheet's pixel values (section 8.6)", () => {
  const inputs = new QwenImages(parseQwen2VlConfig(config).vision, { image: PUBLIC });
  scope(() => {
    const { pixelValues, imageGridThw } = inputs.images([picture(640, 427), picture(97, 61)]);
    assert.deepEqual(imageGridThw, [
      [1, 30, 46],
      [1, 4, 6],
    ]);
    assert.deepEqual(pixelValues.shape, [1380 + 24, 1176]);
    const row = (index: number, count: number): Float32Array =>
      pixelValues.select(0, index).narrow(0, 0, count).toFloat32Array();
    const near = (actual: Float32Array, expected: number[]): void => {
      assert.ok(maxError(actual, expected) < 1e-6, `${[...actual].join()} is not ${expected.join()}`);
    };
    near(row(0, 4), [-1.792263, -1.690073, -1.587885, -1.485696]);
    near(row(1, 3), [-0.361617, -0.259428, -0.157239]);
    near(row(2, 3), [0.908446, -1.792263, 1.171218]);
    near(pixelValues.select(0, 1379).narrow(0, 1173, 3).toFloat32Array(), [0.083987, 0.254628, 0.425269]);
    near(row(1380, 3), [-1.763066, -1.660877, -1.529491]);
    near(row(1381, 3), [-0.05505, -0.011255, 0.120131]);
    const means = [
      pixelValues.narrow(0, 0, 1380),
      pixelValues.narrow(0, 0, 1380).abs(),
      pixelValues.narrow(0, 1380, 24),
    ];
    assert.ok(
      maxError(
        means.map((part) => part.to("float64").mean().item()),
        [0.187705, 0.835266, 0.182818],
      ) < 1e-4,
    );
  });
});

test("videos: two frames a patch, an odd last one twice; a picture's frames are the same", async () => {
  const { vision } = parseQwen2VlConfig(config);
  const { frames, shift, size, ...expected } = reference.video;
  const first = picture(...size);
  const [width, height] = size;
  const rolled = (by: number): RgbImage => {
    const data = new Uint8Array(first.data.length);
    for (let i = 0; i < data.length; i++) {
      const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      data[i] = first.data[(y * width + ((x - by + 3 * width) % width)) * 3 + (i % 3)] ?? 0;
    }
    return { width, height, data };
  };
  const clip = Array.from({ length: frames }, (_, i) => rolled(i * shift));
  const inputs = new QwenImages(vision, { image: PUBLIC, video: { do_resize: false } });
  scope(() => {
    assertPatches(inputs.videos([clip]), expected, "five frames");
    const still = inputs.videos([[first]]);
    assert.deepEqual(still, { pixelValues: still.pixelValues, imageGridThw: [[1, 4, 6]] });
    assert.deepEqual(still.pixelValues.toFloat32Array(), inputs.images([first]).pixelValues.toFloat32Array());
    // By default a frame has at least 128 blocks.
    const grown = new QwenImages(vision, { image: PUBLIC, video: {} }).videos([[first]]);
    assert.deepEqual(grown.imageGridThw, [[1, 20, 28]]);
    for (const wrong of [[], [first, picture(28, 28)]]) assert.throws(() => inputs.videos([wrong]), { code: "USAGE" });
  });
  const processor = await makeProcessor();
  scope(() => {
    const [video, image] = [processor.videos([clip]), processor.images([first])];
    const both = { pixelValues: video.pixelValues, imageGridThw: [...(video.imageGridThw ?? []), [1, 4, 6] as const] };
    const prompt = processor.prompt("<video>\n<image>\nWhich?", both);
    assert.equal(prompt.filter((id) => id === videoTokenId).length, 18);
    assert.equal(prompt.filter((id) => id === imageTokenId).length, 6);
    const own = processor.prompt("<image>Which?", image);
    assert.deepEqual(
      prompt.slice(-own.length + own.indexOf(imageTokenId ?? 0)),
      own.slice(own.indexOf(imageTokenId ?? 0)),
    );
  });
});

for (const [what, template] of [
  ["the public checkpoints' prompt", undefined],
  ["the checkpoint's own template", reference.template],
] as const) {
  test(`${what}: ids of prompts, and of answers behind them, are those of the whole conversation`, async () => {
    const processor = await makeProcessor(template);
    assert.equal(processor.endTokenId, reference.ids["<|im_end|>"]);
    const newline = processor.tokenizer.encode("\n");
    for (const { question, prompt, answers } of reference.conversations) {
      scope(() => {
        const count = question.split("<image>").length - 1;
        const images = count > 0 ? processor.images(pictures(count)) : undefined;
        const own = processor.prompt(question, images);
        assert.deepEqual(own, prompt, question);
        for (const { text, whole } of answers) {
          const all = [...own, ...processor.answer(text), processor.endTokenId, ...newline];
          assert.deepEqual(all, whole, `${question} ${text}`);
        }
      });
    }
  });
}

test("a prompt needs its pictures' sizes, as many as it has markers", async () => {
  const processor = await makeProcessor();
  scope(() => {
    const images = processor.images(pictures(2));
    assert.throws(() => processor.prompt("<image>What?"), { code: "USAGE", message: /1 images, but 0 are given/ });
    assert.throws(() => processor.prompt("<image>What?", images), { code: "USAGE", message: /1 images, but 2/ });
    assert.throws(() => processor.prompt("What?", images), { code: "USAGE" });
  });
});

test("parts that do not belong together are refused", async () => {
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const make = (part: object, image: unknown = PUBLIC) =>
    createQwen2VlProcessor({ config: { ...config, ...part }, tokenizer, imageFiles: { image } });
  assert.throws(() => make({ image_token_id: 7 }), { code: "TOKENIZER_INVALID", message: /<\|image_pad\|>.*7/ });
  const refused = (image: unknown, message: RegExp): void => {
    assert.throws(() => make({}, image), { code: "CONFIG_INVALID", message });
  };
  refused({ patch_size: 16 }, /patch_size is 16.*14/);
  refused({ image_processor_type: "CLIPImageProcessor" }, /image_processor_type/);
  refused({ resample: 2 }, /resample/);
  refused({ min_pixels: 5000, max_pixels: 4000 }, /min_pixels 5000/);
  refused({ size: { shortest_edge: -1 } }, /shortest_edge/);
  const fixed = new QwenImages(parseQwen2VlConfig(config).vision, { image: { do_resize: false } });
  assert.throws(() => fixed.images([picture(30, 28)]), { code: "IMAGE_UNSUPPORTED", message: /30 x 28/ });
});

test("a whole checkpoint folder: its files, what is refused, its pictures alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "qwen2vl-"));
  const alive = liveTensors();
  try {
    const processor = await makeProcessor(reference.template);
    {
      using model = createQwen2Vl(config, randomSource({ seed: 1 }));
      await saveMllm(model, folder);
      await processor.save(folder);
      await writeFile(join(folder, "chat_template.jinja"), reference.template);
      assert.deepEqual(
        await readJson(join(folder, "preprocessor_config.json")),
        await readJson(join(tokenizerFolder, "preprocessor_config.json")),
      );
      await assert.rejects(loadMllm(folder, { resize: "pad" }), { code: "USAGE", message: /"pad"/ });
      await assert.rejects(loadMllm(folder, { conversation: "v1" }), { code: "USAGE", message: /"v1"/ });
    }
    const alone = join(folder, "alone");
    for (const name of ["config.json", "preprocessor_config.json"]) await cp(join(folder, name), join(alone, name));
    const inputs = await loadImages(alone);
    const { width, height } = inputs.pixels(picture(97, 61));
    assert.deepEqual([width, height], [84, 56]);
    // transformers 5 may write both processors into one file, which then counts.
    const both = {
      image_processor: { size: { shortest_edge: 784, longest_edge: 3136 } },
      video_processor: { size: { shortest_edge: 784, longest_edge: 784 } },
    };
    await atomicWriteJson(join(alone, "processor_config.json"), both);
    const limited = await loadQwen2VlImages(alone, config);
    assert.deepEqual([limited.pixels(picture(97, 61)).width, limited.pixels(picture(97, 61)).height], [56, 28]);
    scope(() => {
      assert.deepEqual(limited.videos([[picture(97, 61)]]).imageGridThw, [[1, 2, 2]]);
    });
    await limited.saveFiles(folder);
    assert.deepEqual(await readJson(join(folder, "video_preprocessor_config.json")), both.video_processor);
    await assert.rejects(loadImages(alone, { resize: "crop" }), { code: "USAGE" });
    assert.equal(liveTensors(), alive);
  } finally {
    await rm(folder, { recursive: true });
  }
});
