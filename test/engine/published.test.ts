/**
 * Published scorers on a tiny checkpoint of each backbone, in the form of their files: recognised, asked with the published ids, and
 * scored as a straightforward computation on transformers' numbers says (test/fixtures/published/make.py).
 */
import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import sharp from "sharp";
import { loadParts } from "../../src/engine/here.js";
import { createModel, load, quantizeCheckpoint, type LoadOptions, type ScoreResult } from "../../src/engine/index.js";
import { readJson } from "../../src/files/index.js";
import { saveAs } from "../../src/engine/save-as.js";
import { attachLora } from "../../src/models/lora.js";
import { saveAdapter } from "../../src/models/peft.js";
import { loadMllm } from "../../src/models/registry.js";
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
    await checkPositions(folder, await picture(2 * row.size[0], 2 * row.size[1]), text);
  });
}

/** A picture that leaves no room for its question is a failure of its own; a question that leaves none is nobody's. */
async function checkPositions(folder: string, photo: string, options: LoadOptions): Promise<void> {
  const { parts } = await loadParts(await openCheckpointFolder(folder), { ...HERE, ...options });
  const { processor, templates, model: mllm } = parts;
  const image = await decodeImage(photo);
  const ids = scope(() => processor.prompt(templates.prompts[0] ?? "", processor.images([image])));
  const rows = ids.filter((id) => mllm.placeholderIds.includes(id)).length;
  using model = createModel(parts, "short");
  const codesAt = async (maxPositions: number): Promise<unknown[]> => {
    Object.defineProperty(mllm, "maxPositions", { value: maxPositions, configurable: true });
    const codes: unknown[] = [];
    for await (const outcome of model.score([photo, photo])) codes.push("error" in outcome && outcome.error.code);
    return codes;
  };
  if (rows > 1) assert.deepEqual(await codesAt(ids.length - 1), ["IMAGE_TOO_LARGE", "IMAGE_TOO_LARGE"]);
  await assert.rejects(codesAt(ids.length - rows), { code: "USAGE", message: /--text/ });
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

test("what is written anew is still the scorer's: HPSv3 with its head, Q-ReAlign under another name", async () => {
  const photo = await picture(448, 448);
  for (const [kind, name, scorer] of [
    ["hpsv3", "hpsv3-source", "hpsv3"],
    ["q-realign", "Q_ReAlign_Pro_9B", "q-realign"],
  ] as const) {
    const folder = await checkpoint(kind, name);
    const notes: string[] = [];
    using source = await load(folder, {
      ...HERE,
      quantize: "int8",
      dtype: "bfloat16",
      onNote: (note) => notes.push(note),
    });
    const how = kind === "hpsv3" ? /by the checkpoint's files/ : /by the name of its folder \("Q_ReAlign_Pro_9B"\); .*--scorer none/; // prettier-ignore
    assert.match(notes[0] ?? "", how);
    const wanted = await source.scoreOne(photo);
    const written = join(root, `${kind}-another`, "x");
    await quantizeCheckpoint(folder, written);
    notes.length = 0;
    using copy = await load(written, { worker: false, threads: 1, onNote: (note) => notes.push(note) });
    const found = await copy.scoreOne(photo);
    assert.deepEqual([found.score, found.std, found.scorer?.name], [wanted.score, wanted.std, scorer]);
    assert.deepEqual(notes, []);
    const config = JSON.parse(await readFile(join(written, "config.json"), "utf8")) as Record<string, unknown>;
    await writeFile(join(written, "config.json"), JSON.stringify({ ...config, roc4mllm_scorer: "nima" }));
    await assert.rejects(load(written, HERE), {
      code: "CONFIG_INVALID",
      message: /config\.json: roc4mllm_scorer is "nima"/,
    });
  }
});

test("a link to a scorer's folder has its name; --scorer none is for what is called so and is none", async () => {
  const folder = await checkpoint("letters", "ArtiMuse_PARA");
  const link = join(root, "current");
  await symlink(folder, link);
  using model = await load(link, HERE);
  assert.equal(model.method?.scorer?.name, "artimuse");
  await assert.rejects(load(folder, { ...HERE, scorer: "none" }), {
    code: "CONFIG_INVALID",
    message: /no score tokens/,
  });
  await assert.rejects(load(folder, { ...HERE, scorer: "none", aspect: "quality" }), {
    code: "USAGE",
    message: /--aspect/,
  });
  const mentioned = await checkpoint("letters", "internvl3-vs-artimuse-baseline");
  await writeFile(join(mentioned, "README.md"), "# Not as good as UniPercept, w/ ArtiMuse\n");
  await assert.rejects(load(mentioned, HERE), { code: "CONFIG_INVALID", message: /no score tokens/ });
  await writeFile(join(mentioned, "README.md"), "# **UniPercept**: a title of its own\n");
  const notes: string[] = [];
  using titled = await load(mentioned, { ...HERE, onNote: (note) => notes.push(note) });
  assert.equal(titled.method?.scorer?.name, "unipercept");
  assert.match(notes[0] ?? "", /scored as UniPercept, by the title of its README\.md/);
});

test("adapters on a scorer are scored as it, which a note says, and stay so when they are merged", async () => {
  const base = await checkpoint("hpsv3", "hpsv3-base");
  const [adapters, merged] = [join(root, "my-adapters"), join(root, "merged")];
  const { model } = await loadMllm(base, { dtype: "float32" });
  const lora = attachLora(model, { rank: 1, alpha: 1, targets: ["q_proj"] }, 1);
  await mkdir(adapters);
  await saveAdapter(adapters, model, lora, { base });
  lora.dispose();
  model.dispose();
  const photo = await picture(448, 448);
  const notes: string[] = [];
  using own = await load(adapters, { ...HERE, onNote: (note) => notes.push(note) });
  assert.ok(
    notes.some((note) => /my-adapters holds adapters on .*hpsv3-base.*scored as HPSv3/.test(note)),
    notes.join("\n"),
  );
  const checkpointFolder = await openCheckpointFolder(adapters);
  const loaded = await loadMllm(checkpointFolder, { dtype: "float32" });
  await saveAs(merged, loaded, checkpointFolder);
  loaded.model.dispose();
  using copy = await load(merged, HERE);
  // To the rounding of float32.
  near((await copy.scoreOne(photo)).score, (await own.scoreOne(photo)).score, 1e-5);
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
