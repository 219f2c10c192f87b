/**
 * Published scorers on a tiny checkpoint of each backbone, in the form of their files: recognised, asked with the published ids, and
 * scored as a straightforward computation on transformers' numbers says (test/fixtures/published/make.py).
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import sharp from "sharp";
import { loadParts } from "../../src/engine/here.js";
import { load, type LoadOptions, type ScoreResult } from "../../src/engine/index.js";
import { readJson } from "../../src/files/index.js";
import { families } from "../../src/models/families.js";
import { openCheckpointFolder } from "../../src/models/places.js";
import { decodeImage } from "../../src/image/index.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { fixture } from "../support.js";

interface Expected {
  readonly ids: readonly number[];
  readonly score: number;
  readonly std?: number;
  readonly distribution?: readonly number[];
}

let root: string;
let expected: Readonly<Record<string, Readonly<Record<string, Expected>>>>;
before(async () => {
  root = await mkdtemp(join(tmpdir(), "published-"));
  expected = (await readJson(fixture("published/expected.json"))) as typeof expected;
});
after(() => rm(root, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), 0));

/** The picture of make.py. */
async function picture(width: number, height: number): Promise<string> {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return (7 * x + 13 * y + 29 * c + 5 * ((x * y) % 17)) % 256;
  });
  const file = join(root, `${width}x${height}.png`);
  await sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toFile(file);
  return file;
}

async function checkpoint(kind: string, name: string): Promise<string> {
  const folder = join(root, name);
  for (const part of ["tokenizer", kind]) await cp(fixture(`published/${part}`), folder, { recursive: true });
  return folder;
}

const HERE: LoadOptions = { dtype: "float32", threads: 1, worker: false };

/** The ids that are read behind, without what follows them. */
async function idsOf(folder: string, photo: string, options: LoadOptions): Promise<number[]> {
  const { parts } = await loadParts(await openCheckpointFolder(folder), { ...HERE, ...options });
  const { processor, templates, strategy, model } = parts;
  const image = await decodeImage(photo);
  const ids = scope(() => processor.prompt(templates.prompts[0] ?? "", processor.images([image])));
  strategy.dispose?.();
  model.dispose();
  const stem = processor.tokenizer.encode(strategy.scorer?.stem ?? "", { addSpecialTokens: false });
  return [...ids, ...stem];
}

function near(actual: number | null | undefined, wanted: number, bound: number): void {
  assert.ok(Math.abs((actual ?? NaN) - wanted) < bound, `${actual} for ${wanted}`);
}

const ROWS = [
  { type: "qwen2_vl", kind: "hpsv3", name: "anything", scorer: "hpsv3", size: [448, 448], text: "a red boat" },
  { type: "qwen3_5", kind: "q-realign", name: "lost", scorer: "q-realign", size: [96, 64] },
  { type: "internvl_chat", kind: "letters", name: "ArtiMuse_AVA", scorer: "artimuse", size: [28, 28] },
  { type: "internvl_chat", kind: "letters", name: "UniPercept", scorer: "unipercept", size: [28, 28] },
  { type: "llava_onevision", kind: "q-sit", name: "q-sit-mini", scorer: "q-sit", size: [14, 14] },
] as const;

for (const row of ROWS) {
  const skip = !families().includes(row.type) && `no family ${row.type} yet`;
  test(`${row.scorer} on ${row.type}: ids, score and what results say`, { skip }, async () => {
    const folder = await checkpoint(row.kind, row.name);
    const photo = await picture(row.size[0], row.size[1]);
    const text = "text" in row ? { text: row.text } : {};
    for (const [key, wanted] of Object.entries(expected[row.scorer] ?? {})) {
      const [aspect = "", promptSource = ""] = key.split(".");
      const options = { aspect, promptSource, ...text };
      const ids = await idsOf(folder, photo, options);
      assert.deepEqual(ids.slice(0, wanted.ids.length), wanted.ids, key);
      if (row.scorer !== "hpsv3") assert.equal(ids.length, wanted.ids.length, key);
      using model = await load(folder, { ...HERE, ...options });
      const result = await model.scoreOne(photo);
      const { min, max } = result.scale;
      near(result.score, wanted.score, 1e-5 * (max - min));
      wanted.distribution?.forEach((share, i) => near(result.distribution?.[i], share, 1e-5));
      if (wanted.std !== undefined) near(result.std, wanted.std, 1e-4);
      const { name, aspect: rated, prompt, source } = result.scorer ?? {};
      assert.deepEqual([name, rated], [row.scorer, aspect]);
      assert.equal(prompt?.split("<image>").length, 2);
      assert.match(source ?? "", /\w/);
      assert.deepEqual(model.method?.scorer, result.scorer);
      assert.deepEqual((model.settings as { scorer?: unknown }).scorer, result.scorer);
    }
  });
}

test("in a worker, in a batch, in 8 bits and with further questions the same scorer answers", async () => {
  const folder = await checkpoint("hpsv3", "hpsv3-again");
  const photo = await picture(448, 448);
  const photos = [photo, await picture(420, 476)];
  const all = async (options: LoadOptions, questions = false): Promise<ScoreResult[]> => {
    using model = await load(folder, { dtype: "float32", threads: 1, text: "a red boat", ...options });
    const found: ScoreResult[] = [];
    for await (const result of model.score(
      photos,
      questions ? { questions: [{ prompt: "Why?", maxTokens: 3 }] } : {},
    )) {
      assert.ok(!("error" in result), JSON.stringify(result));
      found.push(result);
    }
    return found;
  };
  const [one, two] = await all({ worker: false });
  assert.match(one?.answer ?? "", /^\[-?\d+\.\d{4}, -?\d+\.\d{4}\]$/);
  const others = [await all({ batchSize: 2 }), await all({ worker: false }, true)];
  for (const results of others) {
    [one, two].forEach((result, i) => near(results[i]?.score, result?.score ?? NaN, 1e-4));
  }
  assert.equal(others[1]?.[0]?.answers?.length, 1);
  const [bytes] = await all({ quantize: "int8", worker: false });
  assert.equal(bytes?.quantization, "int8");
  near(bytes?.score, one?.score ?? NaN, 0.5);
  using model = await load(folder, HERE);
  await assert.rejects(model.scoreOne(photo, { questions: [{ answer: "Light {light}." }] }), { code: "USAGE", message: /--answer/ }); // prettier-ignore
  await assert.rejects(load(folder, { ...HERE, scorer: "q-realign" }), { code: "USAGE", message: /qwen3_5.*qwen2_vl/ });
});

test("HPSv3's weights alone take the small files of their base model", async () => {
  const whole = await checkpoint("hpsv3", "hpsv3-whole");
  const [base, bare] = [join(root, "Qwen2-VL-7B-Instruct"), join(root, "bare")];
  await cp(whole, base, { recursive: true, filter: (file) => !file.endsWith(".safetensors") });
  await cp(join(whole, "HPSv3.safetensors"), join(bare, "HPSv3.safetensors"), { recursive: true });
  const photo = await picture(448, 448);
  const scoreOf = async (folder: string, options: LoadOptions): Promise<ScoreResult> => {
    using model = await load(folder, { ...HERE, ...options });
    return await model.scoreOne(photo);
  };
  const wanted = await scoreOf(whole, {});
  const found = await scoreOf(bare, { base });
  assert.equal(found.score, wanted.score);
  assert.match(found.model, /^bare@/);
  assert.equal((await scoreOf(bare, { base, worker: true })).score, wanted.score);
  await assert.rejects(load(bare, HERE), { code: "FILE_NOT_FOUND", message: /HPSv3 alone.*--base/ });
});

test("reasoning scorers: their prompts to the id; an answer without a number is a failure", async () => {
  const photo = await picture(56, 56);
  const helpful = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n";
  const seen = `<|vision_start|>${"<|image_pad|>".repeat(4)}<|vision_end|>`;
  for (const [name, scorer, system] of [
    ["Q-Insight", "q-insight", undefined],
    ["VisualQuality-R1-7B", "visualquality-r1", helpful],
    ["Aes-R1", "aes-r1", helpful],
  ] as const) {
    const folder = await checkpoint("reasoning", name);
    const { parts } = await loadParts(await openCheckpointFolder(folder), HERE);
    const { prompt = "", system: own = "" } = parts.strategy.scorer ?? {};
    assert.equal(parts.strategy.scorer?.name, scorer);
    const before = system ?? `<|im_start|>system\n${own}<|im_end|>\n`;
    const turns = `${before}<|im_start|>user\n${prompt.replace("<image>", seen)}<|im_end|>\n<|im_start|>assistant\n`;
    const wanted = parts.processor.tokenizer.encode(turns, { addSpecialTokens: false });
    parts.model.dispose();
    assert.deepEqual(await idsOf(folder, photo, {}), wanted, scorer);
  }
  // Writing ends with the positions.
  const folder = join(root, "VisualQuality-R1-7B");
  const config = await readFile(join(folder, "config.json"), "utf8");
  await writeFile(join(folder, "config.json"), config.replaceAll("8192", "600"));
  using model = await load(folder, { ...HERE, promptSource: "no-thinking" });
  await assert.rejects(model.scoreOne(photo), { code: "ANSWER_UNCLEAR" });
});

test("a base that is no scorer's says so, and how to name one; score tokens of its own come first", async () => {
  const folder = await checkpoint("hpsv3", "base");
  const bare = join(root, "Qwen2-VL");
  await cp(folder, bare, { recursive: true, filter: (file) => !file.endsWith(".safetensors") });
  await cp(fixture("qwen2vl/untied/model.safetensors"), join(bare, "model.safetensors"));
  await assert.rejects(load(bare, HERE), { code: "CONFIG_INVALID", message: /no score tokens.*Train it first.*--scorer q-realign, artimuse/s }); // prettier-ignore
  await assert.rejects(load(bare, { ...HERE, scorer: "artimuse" }), { code: "USAGE", message: /internvl_chat/ });
  await assert.rejects(load(bare, { ...HERE, scorer: "hpsv3" }), (error: Error) => error.message.length > 0);
  const templates = { prompts: ["<image>?"], answers: ["{overall}"], strategy: "direct", scale: { min: 1, max: 5 } };
  await writeFile(join(folder, "roc_templates.json"), JSON.stringify(templates));
  await assert.rejects(load(folder, { ...HERE, aspect: "quality" }), {
    code: "USAGE",
    message: /--aspect: .*own texts/,
  });
});
