import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { load, saveCheckpoint, type ScoreFailure, type ScoreResult } from "../../src/engine/index.js";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import { createImageProcessor, decodeImage } from "../../src/image/index.js";
import { createLlava, createLlavaProcessor } from "../../src/models/llava/index.js";
import { randomSource } from "../../src/nn/index.js";
import {
  addScoreTokens,
  fillAnswer,
  generate,
  scoreByPrefill,
  type RocTemplates,
  rocStrategy,
  type ScoringParts,
  type StrategyParts,
} from "../../src/roc/index.js";
import { loadTokenizer, trainTokenizer } from "../../src/tokenizers/index.js";
import { liveTensors, scope, withThreads, type Tensor } from "../../src/torch/index.js";
import { ROOT } from "../support.js";

const TEMPLATES: RocTemplates = {
  prompts: ["<image>\nHow good is it?"],
  answers: ["It is {overall}, its light {light}."],
};
const PHOTOS = join(ROOT, "examples/photos");
const run = promisify(execFile);

let root = "";
let checkpoint = "";
/** What the model scored on the first photo before it was saved. */
let expected: number[] = [];
let photos: string[] = [];

/** A LLaVA of a few thousand parameters with score tokens. */
async function tinyParts(folder: string): Promise<ScoringParts & StrategyParts> {
  await mkdir(folder, { recursive: true });
  const texts = [...TEMPLATES.prompts, ...TEMPLATES.answers, "USER: ASSISTANT:"];
  const files = trainTokenizer(texts, { vocabSize: 300 });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), String(content));
  const tokenizer = await loadTokenizer(folder);
  const layers = { num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 32 };
  const config = {
    model_type: "llava",
    architectures: ["LlavaForConditionalGeneration"],
    image_token_index: tokenizer.tokenToId("<image>"),
    vision_feature_layer: -2,
    vision_feature_select_strategy: "default",
    text_config: { model_type: "llama", hidden_size: 32, vocab_size: tokenizer.size, ...layers },
    vision_config: { model_type: "clip_vision_model", hidden_size: 16, image_size: 28, patch_size: 14, ...layers },
  };
  const imageProcessor = createImageProcessor({
    do_resize: true,
    size: { height: 28, width: 28 },
    do_center_crop: false,
    do_rescale: true,
    do_normalize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  });
  const model = createLlava(config, randomSource({ seed: 3 }));
  const processor = createLlavaProcessor({ config, tokenizer, imageProcessor });
  const vocabulary = addScoreTokens(model, tokenizer);
  // Equal rows give equal probabilities; apart, they see the picture.
  const head = model.parameters().get("language_model.lm_head.weight") as Tensor;
  scope(() => {
    vocabulary.scoreIds.forEach((id, index) => head.select(0, id).copy_(head.select(0, 5 + index).mul(20)));
  });
  return { model, processor, vocabulary, templates: TEMPLATES, strategy: rocStrategy(vocabulary) };
}

before(async () => {
  root = await mkdtemp(join(tmpdir(), "engine-load-"));
  checkpoint = join(root, "tiny");
  photos = (await readdir(PHOTOS)).sort().map((name) => join(PHOTOS, name));
  const parts = await tinyParts(checkpoint);
  const image = await decodeImage(photos[0] as string);
  // Other numbers of threads round in another order.
  const [readings = []] = withThreads(1, () => scope(() => scoreByPrefill(parts, parts.processor.images([image]))));
  expected = readings.map(({ value }) => value);
  await saveCheckpoint(checkpoint, parts);
  parts.model.dispose();
});
after(() => rm(root, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), 0));

const fails =
  (code: ErrorCode, message: RegExp) =>
  (error: unknown): boolean =>
    isRocError(error) && error.code === code && message.test(error.message);

/** A copy of the checkpoint with another config. */
async function changed(name: string, change: Record<string, unknown>): Promise<string> {
  const folder = join(root, name);
  await cp(checkpoint, folder, { recursive: true });
  const config = JSON.parse(await readFile(join(checkpoint, "config.json"), "utf8")) as Record<string, unknown>;
  await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, ...change }));
  return folder;
}

test("a saved checkpoint loads and scores the same", async () => {
  using model = await load(checkpoint, { threads: 1 });
  assert.match(model.name, /^tiny@[0-9a-f]{8}$/);
  assert.deepEqual(model.scale, { min: 1, max: 10 });
  const results: (ScoreResult | ScoreFailure)[] = [];
  for await (const result of model.score(photos)) results.push(result);
  assert.deepEqual(
    results.map(({ file }) => file),
    photos,
  );
  const [first] = results;
  assert.ok(first && "score" in first);
  assert.equal(first.score, expected[0]);
  assert.equal(first.answer, fillAnswer(TEMPLATES.answers[0] as string, expected));
  assert.equal(first.model, model.name);
  const scores = results.map((result) => ("score" in result ? result.score.toFixed(6) : "none"));
  assert.equal(new Set(scores).size, photos.length, "every photo has its own score");
});

test("LLaVA: where it is made to write the template, generation and one prefill agree to 1e-4", async () => {
  const parts = await tinyParts(join(root, "generate"));
  using model = parts.model;
  const image = await decodeImage(photos[0] as string);
  const images = parts.processor.images([image]);
  using _pixels = images.pixelValues;
  const answer = [...parts.processor.answer("It is [SCORE], its light [SCORE]."), parts.processor.endTokenId];
  // The template's tokens win by a bias on the logits, one after another; T_s rows are left as they are.
  const logits = model.logits.bind(model);
  let step = 0;
  model.logits = (hidden, rows) => {
    const found = logits(hidden, rows);
    if (!rows) scope(() => void found.select(-1, answer[step++] as number).add_(1e4));
    return found;
  };
  const generation = generate(parts, images);
  let last = generation.next();
  while (!last.done) last = generation.next();
  assert.deepEqual(last.value.tokenIds, answer.slice(0, -1));
  const [readings = []] = scoreByPrefill(parts, images);
  assert.equal(last.value.scores.length, 2);
  last.value.scores.forEach((score, index) => {
    assert.ok(Math.abs(score.value - (readings[index]?.value ?? NaN)) <= 1e-4);
    assert.ok(Math.abs((score.std ?? NaN) - (readings[index]?.std ?? NaN)) <= 1e-4);
  });
  assert.equal(
    last.value.text.trim(),
    fillAnswer(
      TEMPLATES.answers[0] as string,
      readings.map(({ value }) => value),
    ),
  );
});

test("a folder that is no checkpoint, or one without score tokens, is an error with a remedy", async () => {
  await assert.rejects(load(join(root, "nowhere")), fails("FILE_NOT_FOUND", /nowhere.*config\.json/));
  const keys = { score_id: undefined, output_first_id: undefined, output_last_id: undefined };
  const plain = await changed("plain", keys);
  await assert.rejects(load(plain), fails("CONFIG_INVALID", /plain has no score tokens.*Train it first/));
  const half = await changed("half", { min_score: "low" });
  await assert.rejects(load(half), fails("CONFIG_INVALID", /min_score is "low"/));
  const far = await changed("far", { output_first_id: 9000, output_last_id: 9009 });
  await assert.rejects(load(far), fails("CHECKPOINT_MISMATCH", /score token at id 9009/));
});

test("the folder may be a file: URL", async () => {
  using model = await load(pathToFileURL(checkpoint));
  assert.match(model.name, /^tiny@/);
  await assert.rejects(load(new URL("https://example.com/model")), fails("USAGE", /is no file: URL/));
});

test("loading can be cancelled", async () => {
  await assert.rejects(load(checkpoint, { signal: AbortSignal.abort() }), fails("ABORTED", /tiny/));
});

test("without roc_templates.json the released code's texts are taken", async () => {
  const folder = await changed("bare", {});
  await rm(join(folder, "roc_templates.json"));
  using model = await load(folder);
  for await (const result of model.score(photos[0] as string)) {
    assert.ok("score" in result);
    assert.match(result.answer, /^The aesthetic rate of the image is \d+\.\d\d\.$/);
  }
});

test("the example runs on the library as it is published", async () => {
  const example = fileURLToPath(new URL("../../examples/score.js", import.meta.url));
  const { stdout } = await run(process.execPath, [example, checkpoint]);
  const lines = stdout.trim().split("\n");
  assert.match(lines[0] as string, /^tiny@[0-9a-f]{8}, from 1 to 10$/);
  assert.deepEqual(
    lines.slice(1).map((line) => line.split(":")[0]),
    photos.map((photo) => basename(photo)),
  );
  assert.match(lines[1] as string, new RegExp(`: ${(expected[0] as number).toFixed(2)} ± \\d\\.\\d\\d: It is \\d`));
});
