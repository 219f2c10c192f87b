/** What a llava-hf folder's own files decide: which image processor, which chat template. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ResizeMode } from "../../../src/image/index.js";
import { createLlavaProcessor, loadLlavaProcessor } from "../../../src/models/llava/index.js";
import { createImageProcessor } from "../../../src/image/index.js";
import { loadImages, loadModel } from "../../../src/models/registry.js";
import { saveMllm } from "../../../src/models/save.js";
import { loadTokenizer } from "../../../src/tokenizers/index.js";
import { atomicWriteJson } from "../../../src/files/index.js";
import { fixture } from "../../support.js";
import { picture, sha256 } from "../../image/support.js";
import { TINY } from "./support.js";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "llava-files-"));
});
after(async () => {
  await rm(folder, { recursive: true });
});

const CLIP = {
  image_processor_type: "CLIPImageProcessor",
  size: { shortest_edge: 336 },
  crop_size: { height: 336, width: 336 },
};
const PADDED = ["f48b2ee5f29c7149", "5e69fce4db51df1f"];

/** First hex digits of the pictures of the sheet's section 8.6 as a folder with these files gives them. */
async function hashes(files: Record<string, object>, resize?: ResizeMode): Promise<string[]> {
  const place = join(folder, "images");
  await rm(place, { recursive: true, force: true });
  await atomicWriteJson(join(place, "config.json"), { model_type: "llava" });
  for (const [name, content] of Object.entries(files)) await atomicWriteJson(join(place, name), content);
  const inputs = await loadImages(place, { resize });
  const sources = [picture(97, 61), picture(640, 427)];
  return sources.map((source) => sha256(inputs.pixels(source).data).slice(0, 16));
}

test("pictures are cropped or padded as the files say, or as asked", async () => {
  const cropped = await hashes({ "preprocessor_config.json": CLIP });
  const padding = { ...CLIP, image_processor_type: "LlavaImageProcessor", do_pad: true };
  assert.deepEqual(await hashes({ "preprocessor_config.json": padding }), PADDED);
  assert.deepEqual(await hashes({ "preprocessor_config.json": { ...padding, do_pad: false } }), cropped);
  assert.deepEqual(await hashes({ "preprocessor_config.json": { ...CLIP, do_pad: true } }), cropped);
  // transformers 5 writes all of a processor into one file, which then counts.
  const whole = { "processor_config.json": { image_processor: padding }, "preprocessor_config.json": CLIP };
  assert.deepEqual(await hashes(whole), PADDED);
  assert.deepEqual(await hashes({ "preprocessor_config.json": CLIP }, "pad"), PADDED);
  assert.deepEqual(await hashes({ "preprocessor_config.json": padding }, "crop"), cropped);
  const stretched = await hashes({ "preprocessor_config.json": CLIP }, "stretch");
  assert.deepEqual(await hashes(whole, "stretch"), stretched);
  assert.equal(new Set([...cropped, ...PADDED, ...stretched]).size, 6);
});

const chat = JSON.parse(await readFile(fixture("tokenizers/chat.json"), "utf8")) as {
  templates: { llava: { source: string }; qwen: { source: string } };
};
const reference = JSON.parse(await readFile(fixture("llava/processor.json"), "utf8")) as {
  image_token_index: number;
  vocab_size: number;
  cases: { question: string; prompt: number[]; answers: { text: string; whole: number[] }[] }[];
};
const config = {
  model_type: "llava",
  image_token_index: reference.image_token_index,
  vision_config: { hidden_size: 8, num_attention_heads: 2, image_size: 28, patch_size: 7 },
  text_config: { vocab_size: reference.vocab_size },
};

/** A folder with the tiny tokenizer and a template in the file `name`. */
async function templated(name: string, content: unknown): Promise<string> {
  const place = join(folder, "chat", name);
  await cp(fixture("tokenizers/llama"), place, { recursive: true });
  const images = { ...CLIP, size: { shortest_edge: 28 }, crop_size: { height: 28, width: 28 } };
  await atomicWriteJson(join(place, "preprocessor_config.json"), images);
  await writeFile(join(place, name), typeof content === "string" ? content : JSON.stringify(content));
  return place;
}

test("LLaVA's chat template gives the ids of its prompts, and is written back", async () => {
  const { source } = chat.templates.llava;
  const places = [
    [await templated("chat_template.json", { chat_template: source }), "chat_template.json"],
    [await templated("chat_template.jinja", source), "chat_template.jinja"],
    // transformers 5 moves it out of there, too.
    [await templated("processor_config.json", { chat_template: source }), "chat_template.jinja"],
  ] as const;
  for (const [place, file] of places) {
    const first = await loadLlavaProcessor(place, config);
    const saved = `${place}-saved`;
    await first.save(saved);
    for (const processor of [first, await loadLlavaProcessor(saved, config)]) {
      for (const { question, prompt, answers } of reference.cases) {
        assert.deepEqual(processor.prompt(question), prompt, question);
        for (const { text, whole } of answers) {
          assert.deepEqual([...processor.prompt(question), ...processor.answer(text)], whole, `${question} ${text}`);
        }
      }
    }
    assert.ok((await readFile(join(saved, file), "utf8")).includes("selectattr"), file);
  }
});

test("another template gives another prompt; without one it is LLaVA's", async () => {
  const system =
    "{% for m in messages %}Q: {% for c in m.content %}{{ c.text if c.type == 'text' else '<image>' }}{% endfor %}{% endfor %} A:";
  const place = await templated("chat_template.jinja", system);
  const processor = await loadLlavaProcessor(place, config);
  const tokenizer = await loadTokenizer(place);
  const rows = (ids: number[]): number[] =>
    ids.flatMap((id) => (id === reference.image_token_index ? new Array<number>(16).fill(id) : id));
  assert.deepEqual(processor.prompt("<image>\nWhat?"), rows(tokenizer.encode("Q: <image>What? A:")));
  const imageProcessor = createImageProcessor({ size: 28, crop_size: 28 });
  const plain = createLlavaProcessor({ config, tokenizer, imageProcessor });
  assert.deepEqual(plain.prompt("<image>\nWhat?"), rows(tokenizer.encode("USER: <image>\nWhat? ASSISTANT:")));
  await assert.rejects(loadLlavaProcessor(place, config, { conversation: "v1" }), { code: "USAGE", message: /"v1"/ });
});

test("a template that cannot be rendered is an error that names its file", async () => {
  const place = await templated("chat_template.jinja", "{{ raise_exception('no') }}");
  const processor = await loadLlavaProcessor(place, config);
  assert.throws(() => processor.prompt("Hi"), { code: "TOKENIZER_INVALID", message: /chat_template\.jinja.*\(no\)/ });
});

test("generation_config.json is written back as it was, beside shards", async () => {
  const place = join(folder, "generation");
  await cp(TINY, place, { recursive: true });
  // As Python writes it: a float that JavaScript would write as 1.
  const text = '{\n  "eos_token_id": [2, 5],\n  "temperature": 1.0\n}\n';
  await writeFile(join(place, "generation_config.json"), text);
  using model = await loadModel(place);
  const saved = join(folder, "generation-saved");
  await saveMllm(model, saved, { maxShardBytes: 100_000 });
  assert.equal(await readFile(join(saved, "generation_config.json"), "utf8"), text);
  const files = await readdir(saved);
  assert.deepEqual(files.filter((name) => name.startsWith("model")).sort(), [
    "model-00001-of-00003.safetensors",
    "model-00002-of-00003.safetensors",
    "model-00003-of-00003.safetensors",
    "model.safetensors.index.json",
  ]);
  using again = await loadModel(saved);
  assert.deepEqual([...again.parameters().keys()].sort(), [...model.parameters().keys()].sort());
});
