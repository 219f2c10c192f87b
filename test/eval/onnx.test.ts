/** ONNX baselines against onnx.reference (test/fixtures/onnx/make.py), and through the command. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import sharp from "sharp";
import { z } from "zod";
import type { ScoreFailure, ScoreResult } from "../../src/engine/index.js";
import { onnxMetadata } from "../../src/eval/onnx/metadata.js";
import { loadOnnx } from "../../src/eval/onnx/model.js";
import { inputForm, mergeSettings, readOutput, type OnnxSettings } from "../../src/eval/onnx/settings.js";
import { readSummary } from "../../src/eval/index.js";
import { fixture } from "../support.js";
import { ratedFolder, runEval, temporary } from "./support.js";

const FILES = { distribution: fixture("onnx/distribution.onnx"), score: fixture("onnx/score.onnx") };
const SCALE = { min: 1, max: 5 };
const EXPECTED = z
  .array(z.object({ color: z.tuple([z.number(), z.number(), z.number()]), shares: z.array(z.number()), score: z.number() }))
  .parse(JSON.parse(readFileSync(fixture("onnx/expected.json"), "utf8"))); // prettier-ignore

/** Files of one colour each, larger than the model's input. */
async function plainFiles(t: TestContext): Promise<string[]> {
  const folder = await temporary(t);
  return Promise.all(
    EXPECTED.map(async ({ color: [r, g, b] }, i) => {
      const file = join(folder, `c${i}.png`);
      await sharp({ create: { width: 30, height: 20, channels: 3, background: { r, g, b } } }).png().toFile(file); // prettier-ignore
      return file;
    }),
  );
}

async function scores(file: string, options: OnnxSettings, files: readonly string[]) {
  using model = await loadOnnx(file, options, SCALE);
  const results: (ScoreResult | ScoreFailure)[] = [];
  for await (const result of model.score(files)) results.push(result);
  return { model, results };
}

function close(found: number | undefined, wanted: number, what: string): void {
  assert.ok(Math.abs((found ?? NaN) - wanted) < 1e-5, `${what}: ${found} instead of ${wanted}`);
}

test("what is no finite score is a failure of that picture, not of the run", async (t) => {
  // Each value is finite in float32, the sum of 64 x 64 of them is not.
  const tiny = [3e-39, 3e-39, 3e-39] as [number, number, number];
  const { results } = await scores(FILES.score, { size: [64, 64], output: "score", std: tiny }, await plainFiles(t));
  assert.equal(results.length, EXPECTED.length);
  for (const result of results) assert.ok("error" in result && result.error.code === "SCORE_NOT_FINITE");
});

test("ten shares of ratings, channels first, normalised as the file's metadata says", async (t) => {
  const { model, results } = await scores(FILES.distribution, {}, await plainFiles(t));
  assert.match(model.name, /^distribution\.onnx@[0-9a-f]{8}$/);
  assert.deepEqual(model.settings, { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], resize: "stretch", size: [8, 6] });
  EXPECTED.forEach(({ shares }, i) => {
    const result = results[i];
    assert.ok(result && "score" in result);
    shares.forEach((share, k) => close(result.distribution?.[k], share, `share ${k} of ${i}`));
    const mean = shares.reduce((sum, share, k) => sum + share * (k + 1), 0);
    close(result.score, mean, `score ${i}`);
    close(result.std ?? NaN, Math.sqrt(shares.reduce((sum, share, k) => sum + share * (k + 1 - mean) ** 2, 0)), "std");
    assert.deepEqual(result.scale, { min: 1, max: 10 });
  });
});

test("one score, channels last, the size open, ImageNet's normalisation by default", async (t) => {
  const files = await plainFiles(t);
  const { results } = await scores(FILES.score, { size: [8, 6], output: "score" }, files);
  EXPECTED.forEach(({ score }, i) => {
    const result = results[i];
    assert.ok(result && "score" in result);
    close(result.score, score, `score ${i}`);
    assert.deepEqual([result.std, result.distribution, result.scale], [null, null, SCALE]);
  });
  const scaled = await scores(FILES.score, { size: [4, 4], output: "score", scale: { min: 0, max: 100 } }, files);
  assert.deepEqual(scaled.results.map((result) => "scale" in result && result.scale.max), [100, 100, 100]); // prettier-ignore
});

test("a picture that cannot be read is a failure of its own", async (t) => {
  const [file = ""] = await plainFiles(t);
  const broken = join(await temporary(t), "broken.png");
  await writeFile(broken, "nothing");
  const { results } = await scores(FILES.distribution, {}, [broken, file]);
  assert.ok(results[0] && "error" in results[0] && results[0].error.code.startsWith("IMAGE_"));
  assert.ok(results[1] && "score" in results[1]);
});

test("settings: options go before metadata; what makes no sense is named", async () => {
  assert.deepEqual(mergeSettings({ size: [2, 2] }, '{"size": [4, 4], "resize": "pad"}', "m.onnx"), { size: [2, 2], resize: "pad" }); // prettier-ignore
  assert.throws(() => mergeSettings({}, '{"mean": 3}', "m.onnx"), /m\.onnx: metadata "roc4mllm": mean: /);
  assert.throws(() => mergeSettings({}, "none", "m.onnx"), /m\.onnx: metadata "roc4mllm": the whole: /);
  assert.throws(() => mergeSettings({ std: [1, 0, 1] }, undefined, "m.onnx"), /std: must not hold a 0/);
  const image = { name: "image", type: "float32", shape: [1, 3, 224, 224] };
  assert.deepEqual(inputForm([image], {}, "m.onnx"), { name: "image", layout: "NCHW", height: 224, width: 224, type: "float32" }); // prettier-ignore
  assert.throws(() => inputForm([{ ...image, type: "float16" }], {}, "m.onnx"), /has to take one input of float32 or uint8.*float16 \[1, 3/); // prettier-ignore
  assert.throws(() => inputForm([image, image], {}, "m.onnx"), /it takes image: float32 .*; image/);
  assert.throws(
    () => inputForm([{ ...image, shape: [-1, "h", "w", 3] }], {}, "m.onnx"),
    /leaves the size of pictures open/,
  );
  await assert.rejects(loadOnnx(FILES.score, { size: [8, 8] }, SCALE), /outputs score, means; say which one/);
  await assert.rejects(
    loadOnnx(FILES.score, { size: [8, 8], output: "x" }, SCALE),
    /no output "x"; it has score, means/,
  );
  await assert.rejects(loadOnnx("none.onnx", {}, SCALE), /none\.onnx does not exist/);
});

test("logits go through a softmax, shares stay", () => {
  const reading = readOutput([0, Math.log(3)], { scale: { min: 0, max: 1 } }, SCALE);
  close(reading.score, 0.75, "logits");
  close(readOutput([0.25, 0.75], {}, SCALE).score, 1.75, "shares");
});

test("metadata is read from the file's bytes; a file that is none is refused", async (t) => {
  const bytes = await readFile(FILES.distribution);
  assert.deepEqual([...onnxMetadata(bytes, "m").keys()].sort(), ["author", "roc4mllm"]);
  assert.equal(onnxMetadata(bytes, "m").get("author"), "nobody");
  assert.throws(
    () => onnxMetadata(bytes.subarray(0, bytes.length - 3), "m.onnx"),
    /m\.onnx is no ONNX file, or is cut off/,
  );
  // A length of 2^32 + 1 before one byte, a group, a field in the place of a text.
  for (const broken of [
    [0x72, 0x81, 0x80, 0x80, 0x80, 0x10, 0x61],
    [0x73, 0x74],
    [0x72, 1, 0x0f],
  ]) {
    assert.throws(() => onnxMetadata(Uint8Array.from(broken), "m.onnx"), /m\.onnx is no ONNX file/, broken.join());
  }
  const file = join(await temporary(t), "text.onnx");
  await writeFile(file, "\n\u0001a");
  await assert.rejects(loadOnnx(file, {}, SCALE), /text\.onnx cannot be loaded|no ONNX file/);
});

test("eval --onnx: the same harness, settings in the provenance, wrong ones refused", async (t) => {
  const data = await ratedFolder(t);
  const out = join(await temporary(t), "out");
  await mkdir(out);
  const args = ["eval", "--data", data, "--out", out, "--resamples", "20"];
  const onnx = ["--onnx", FILES.score, "--onnx-output", "score"];
  const ran = await runEval([...args, ...onnx, "--onnx-size", "8x6", "--onnx-scale", "-10,10"]);
  const notes = ["rated, but not predicted: light", "comments of 24 pictures are not compared: there is none to compare with"]; // prettier-ignore
  assert.equal(ran.stderr, `${notes.map((note) => `note: ${note}\n`).join("")}Wrote ${out}\n`);
  assert.equal(ran.code, 0);
  const { provenance, scored } = await readSummary(out);
  assert.equal(scored, 24);
  assert.match(provenance.system, /^score\.onnx@/);
  assert.deepEqual(provenance.onnx, { size: [8, 6], scale: { min: -10, max: 10 }, output: "score", resize: "stretch" });
  for (const [wrong, message] of [
    [["--onnx-size", "big"], /Give a number of pixels/],
    [["--onnx-size", "8", "--onnx-mean", "0.5"], /Give 3 numbers/],
    [["--onnx-size", "8", "--onnx-scale", "10,1"], /Give the lowest score first/],
    [[], /leaves the size of pictures open; give --onnx-size/],
    [["--onnx-size", "8", "--model", "m"], /--model and --onnx exclude/],
  ] as const) {
    const { code, stderr } = await runEval([...args, ...onnx, ...wrong]);
    assert.equal(code, 2, wrong.join(" "));
    assert.match(stderr, message);
  }
});
