/** Sizes, patches, prompts and answers against transformers' processor (make-processor.py), exactly. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { QWEN3_IMAGES } from "../../../src/models/common/qwen/image-config.js";
import { QwenImages } from "../../../src/models/common/qwen/images.js";
import type { Grid } from "../../../src/models/common/qwen/positions.js";
import type { QwenProcessor } from "../../../src/models/common/qwen/processor.js";
import { smartResize } from "../../../src/models/common/qwen/smart-resize.js";
import { createQwen3VlProcessor, loadQwen3VlImages, parseQwen3VlConfig } from "../../../src/models/qwen3vl/index.js";
import { ChatTemplate, loadTokenizer } from "../../../src/tokenizers/index.js";
import { scope } from "../../../src/torch/index.js";
import { atomicWriteJson, readJson } from "../../../src/files/index.js";
import { fixture } from "../../support.js";
import { picture } from "../qwen2vl/support.js";
import { folderOf } from "./support.js";

interface Fixture {
  template: string;
  config: object;
  sizes: [h: number, w: number, toH: number, toW: number][];
  images: { size: [number, number]; config: object; grid: Grid; sha256: string }[];
  pictures: [number, number][];
  conversations: { question: string; prompt: number[]; answers: { text: string; whole: number[] }[] }[];
}

const reference = (await readJson(fixture("qwen3vl/processor.json"))) as Fixture;
const tiny = (await readJson(join(folderOf("untied"), "config.json"))) as { vision_config: object };
const config = {
  ...{ ...tiny, image_token_id: 395, video_token_id: 396 },
  vision_config: { ...tiny.vision_config, patch_size: 16 },
};

async function makeProcessor(template?: string): Promise<QwenProcessor> {
  const tokenizer = await loadTokenizer(fixture("qwen2vl/tokenizer"));
  const chatTemplate = template === undefined ? undefined : new ChatTemplate(template);
  return createQwen3VlProcessor({ config, tokenizer, imageFiles: { image: reference.config }, chatTemplate });
}

test("sizes and patches are those of transformers' Pillow processor, to the bit", () => {
  for (const [height, width, toHeight, toWidth] of reference.sizes) {
    const size = smartResize({ height, width }, { factor: 32, minPixels: 65536, maxPixels: 16777216 });
    assert.deepEqual(size, { width: toWidth, height: toHeight }, `${width} x ${height}`);
  }
  const { vision } = parseQwen3VlConfig(config);
  for (const { size, config: image, grid, sha256 } of reference.images) {
    scope(() => {
      const batch = new QwenImages(vision, { image }, QWEN3_IMAGES).images([picture(...size)]);
      assert.deepEqual(batch.imageGridThw, [grid]);
      const values = batch.pixelValues.toFloat32Array();
      assert.equal(createHash("sha256").update(values).digest("hex"), sha256, size.join());
    });
  }
});

for (const [what, template] of [
  ["the public checkpoints' prompt", undefined],
  ["the checkpoint's own template", reference.template],
] as const) {
  test(`${what}: ids of prompts, and of answers behind them, are those of the whole conversation`, async () => {
    const processor = await makeProcessor(template);
    const newline = processor.tokenizer.encode("\n");
    for (const { question, prompt, answers } of reference.conversations) {
      scope(() => {
        const count = question.split("<image>").length - 1;
        const shown = reference.pictures.slice(0, count).map((size) => picture(...size));
        const own = processor.prompt(question, count > 0 ? processor.images(shown) : undefined);
        assert.deepEqual(own, prompt, question);
        for (const { text, whole } of answers) {
          assert.deepEqual([...own, ...processor.answer(text), processor.endTokenId, ...newline], whole, text);
        }
      });
    }
  });
}

test("files of videos are kept and not used; a video is refused, as patches and in a prompt", async () => {
  const folder = await mkdtemp(join(tmpdir(), "qwen3vl-"));
  try {
    const both = {
      image_processor: { image_processor_type: "Qwen2VLImageProcessorFast", ...reference.config },
      video_processor: { video_processor_type: "Qwen3VLVideoProcessor", size: { longest_edge: 1 } },
    };
    await atomicWriteJson(join(folder, "processor_config.json"), both);
    await atomicWriteJson(join(folder, "config.json"), config);
    const inputs = await loadQwen3VlImages(folder, config);
    assert.throws(() => inputs.videos([[picture(64, 64)]]), { code: "USAGE", message: /frames as pictures/ });
    await inputs.saveFiles(folder);
    assert.deepEqual(await readJson(join(folder, "video_preprocessor_config.json")), both.video_processor);
    const processor = await makeProcessor();
    scope(() => {
      const images = processor.images([picture(64, 64)]);
      assert.throws(() => processor.prompt("<video>What?", images), { code: "USAGE", message: /frames as pictures/ });
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
