/** In which precision models score, and how far that moves the scores. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FAMILIES, measureDrift, type Drift } from "../../bench/drift.js";
import { DEMO_MODEL, load, saveCheckpoint } from "../../src/engine/index.js";
import { loadMllm } from "../../src/models/registry.js";
import { DEFAULT_TEMPLATES, loadTemplates } from "../../src/roc/index.js";
import { driftOf, isForBfloat16, MEASURED_DRIFT, MEASURED_INT8_DRIFT, MOST_DRIFT } from "../../src/engine/precision.js";
import { summaryLine } from "../../src/cli/shared/summary-line.js";
import { encodePhoto, makePictures, type Picture } from "../../src/studio/index.js";
import { liveTensors, multipliesBfloat16 } from "../../src/torch/index.js";

const alive = liveTensors();
after(() => assert.equal(liveTensors(), alive));

test("bfloat16 is for large checkpoints of 16 bits, of families whose drift is measured and small", () => {
  const large = { family: "llava", parameters: 7e9, dtypes: { float16: 6.9e9, float32: 1e8 } };
  assert.ok(isForBfloat16(large));
  assert.ok(isForBfloat16({ ...large, family: "qwen2_vl", dtypes: { bfloat16: 7e9 } }));
  assert.ok(isForBfloat16({ ...large, family: "internvl_chat" }), "by another model_type of a family");
  const others = [
    { ...large, dtypes: { float32: 7e9 } },
    { ...large, dtypes: {} },
    { ...large, parameters: 99e6 },
    { ...large, family: "toy" },
    { ...large, family: "toString" },
    { ...large, family: undefined },
  ];
  for (const facts of others) assert.ok(!isForBfloat16(facts), JSON.stringify(facts));
});

test("the measured drift is that of bench/results/drift.json, rounded up", () => {
  const file = new URL("../../../bench/results/drift.json", import.meta.url);
  const { drifts } = JSON.parse(readFileSync(file, "utf8")) as { drifts: Drift[] };
  const largest = (family: string, precision: RegExp): number => {
    const own = drifts.filter((one) => one.family === family && precision.test(one.precision));
    return Math.ceil(1000 * Math.max(...own.map(({ mean, spread }) => mean / spread))) / 1000;
  };
  const all = (precision: RegExp) => Object.fromEntries(FAMILIES.map((family) => [family, largest(family, precision)]));
  assert.deepEqual(MEASURED_DRIFT, all(/^bfloat16$/));
  assert.deepEqual(MEASURED_INT8_DRIFT, all(/^int8/));
  for (const [family, drift] of Object.entries(MEASURED_DRIFT)) {
    const facts = { family, parameters: 7e9, dtypes: { bfloat16: 7e9 } };
    assert.equal(isForBfloat16(facts), drift <= MOST_DRIFT, family);
  }
});

test("a model's drift is that of its family in its precision; null where nobody has measured it", () => {
  assert.equal(driftOf({ family: "toy", dtype: "float32" }), 0);
  assert.equal(driftOf({ family: "internvl_chat", dtype: "bfloat16" }), MEASURED_DRIFT["internvl"]);
  assert.equal(driftOf({ family: "llava", dtype: "float32", quantization: "int8" }), MEASURED_INT8_DRIFT["llava"]);
  const unknown = [
    { family: "toy", dtype: "bfloat16" },
    { family: "llava", dtype: "float16" },
    { family: "llava" },
    {},
  ];
  for (const settings of unknown) assert.equal(driftOf(settings), undefined, JSON.stringify(settings));
});

test("a small checkpoint is computed in float32 by itself; another dtype is in the result and the last line", async () => {
  const { pictures } = makePictures({ seed: 1, count: 1, testFraction: 0, patterns: false });
  const photo = await encodePhoto((pictures[0] as Picture).composition, 64);
  const notes: string[] = [];
  const onNote = (note: string): void => void notes.push(note);
  for (const dtype of [undefined, "auto", "float32"] as const) {
    using model = await load(DEMO_MODEL, { dtype, onNote });
    assert.equal(model.settings?.["dtype"], "float32");
    assert.ok(!("dtype" in (await model.scoreOne(photo))));
  }
  using model = await load(DEMO_MODEL, { dtype: "bfloat16", onNote });
  const { dtype } = await model.scoreOne(photo);
  assert.equal(dtype, "bfloat16");
  assert.deepEqual(notes, []);
  const line = { scored: 1, failed: 0, milliseconds: 1000, model: "demo" };
  assert.equal(summaryLine({ ...line, dtype }), "1 photo scored by demo in bfloat16, in 1.0 s (1.0 images/s)\n");
  await assert.rejects(load(DEMO_MODEL, { dtype: "int8" as "auto" }), { code: "USAGE", message: /, or auto\./ });
});

test("a large checkpoint of 16 bits is computed in what this processor is fast in, and that is said", async () => {
  const folder = await mkdtemp(join(tmpdir(), "precision-"));
  try {
    const { model, processor } = await loadMllm(DEMO_MODEL, { dtype: "bfloat16" });
    const templates = (await loadTemplates(DEMO_MODEL)) ?? DEFAULT_TEMPLATES;
    // As many rows as make 100 million parameters: of the embedding and of the head.
    const { vocabSize, hiddenSize } = model;
    model.growVocabulary([Math.ceil(50e6 / hiddenSize)], vocabSize);
    await saveCheckpoint(folder, { model, processor, templates });
    model.dispose();
    const isFast = multipliesBfloat16();
    for (const worker of [true, false]) {
      const notes: string[] = [];
      using loaded = await load(folder, { worker, onNote: (note) => void notes.push(note) });
      assert.equal(loaded.settings?.["dtype"], isFast ? "bfloat16" : "float32");
      assert.match(notes.join("\n"), isFast ? /^scores are computed in bfloat16, .*--dtype float32/ : /^$/);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** A rounding to bfloat16 moves a number by so much at most, relative to it. */
const ROUNDING = 2 ** -9;

/** Roundings one behind another in a layer: norm and gain, projection, rotation, attention (4), output, residual, gate (3), output. */
const ROUNDINGS_OF_LAYER = 13;

/** The tiny models have at most six layers: of the tower, of the abstractor and of the language model, two each. */
const ROUNDINGS = 6 * ROUNDINGS_OF_LAYER + 10;

/**
 * What the drift of a score is below. Roundings go up as often as down, so that a logit, of magnitude 2 here, is off by
 * √(their number) of their deviation, and once in 5e8 times by six times that. A score, the expectation of the softmax, then
 * moves by no more than its standard deviation times that: at most that of equal weights on 1 and 10.
 */
const BOUND = 6 * (ROUNDING / Math.sqrt(3)) * Math.sqrt(ROUNDINGS) * 2 * 4.5;

test("scores in bfloat16 drift by less than its roundings allow, in every family", async () => {
  for (const { family, weights, largest, spread } of await measureDrift(4, FAMILIES, ["bfloat16"])) {
    assert.ok(largest <= BOUND, `${family}, ${weights}: ${largest}, bound ${BOUND}`);
    assert.ok(0 < largest && largest < spread, `${family}, ${weights}: nothing is measured`);
  }
});
