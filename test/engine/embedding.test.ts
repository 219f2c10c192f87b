/** The hidden state where a score is read: whose logits it gives, through a worker too, and what it leaves as it is. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
  createModel,
  DEMO_MODEL,
  load,
  type Model,
  type ScoreOptions,
  type ScoreResult,
} from "../../src/engine/index.js";
import { loadMllm } from "../../src/models/registry.js";
import { vocabularyFromConfig, type RocTemplates } from "../../src/roc/index.js";
import { readScore } from "../../src/roc/reading.js";
import { createStrategy } from "../../src/roc/strategies/index.js";
import { fromTypedArray, inferenceMode, scope } from "../../src/torch/index.js";
import { ROOT } from "../support.js";

const PHOTOS = ["abstract-dull", "landscape-good"].map((name) => join(ROOT, `examples/photos/${name}.jpg`));

async function scores(model: Model, options: ScoreOptions): Promise<ScoreResult[]> {
  const results: ScoreResult[] = [];
  for await (const result of model.score(PHOTOS, options)) {
    assert.ok(!("error" in result), JSON.stringify(result));
    results.push(result);
  }
  return results;
}

test("the embedding is the row whose logits are the score's, the same from a worker, and changes no score", async () => {
  using here = await load(DEMO_MODEL, { worker: false });
  const own = await scores(here, { embedding: true });
  const plain = await scores(here, {});
  const asked = await scores(here, { embedding: true, questions: [{ answer: "Light {light}." }] });
  using worker = await load(DEMO_MODEL, { worker: true });
  const sent = await scores(worker, { embedding: true });
  const { model } = await loadMllm(DEMO_MODEL);
  const vocabulary = vocabularyFromConfig(model.config);
  assert.ok(vocabulary);
  for (const [i, { embedding, ...rest }] of own.entries()) {
    assert.ok(embedding instanceof Float32Array);
    assert.equal(embedding.length, model.hiddenSize);
    assert.deepEqual(rest, plain[i]);
    assert.deepEqual(sent[i], own[i]);
    assert.deepEqual(asked[i]?.embedding, embedding);
    const logits = inferenceMode(() =>
      scope(() => model.logits(fromTypedArray(embedding, [1, embedding.length]), vocabulary.scoreIds).toNumbers()),
    );
    const { distribution } = readScore(logits, vocabulary);
    for (const [k, p] of distribution.entries()) assert.ok(Math.abs(p - (rest.distribution?.[k] ?? NaN)) < 1e-6);
  }
  model.dispose();
});

test("words have the state before them, of the picture's own score and not of another's; digits have none", async () => {
  const parts = await loadMllm(DEMO_MODEL);
  const templates: RocTemplates = { prompts: ["<image>\nHow good?"], answers: ["Light {light}, all {overall}."] };
  const options = { vocabulary: vocabularyFromConfig(parts.model.config), scale: { min: 1, max: 10 } };
  const state = async (name: "level" | "coupled" | "direct", answers: readonly string[]) => {
    const strategy = createStrategy(name, options);
    const model = createModel({ ...parts, strategy, templates: { ...templates, answers: [...answers] } });
    for await (const result of model.score(PHOTOS.slice(0, 1), { embedding: true }))
      if (!("error" in result)) return result.embedding;
    return undefined;
  };
  for (const name of ["level", "coupled"] as const) {
    const both = await state(name, templates.answers);
    const first = await state(name, ["Light {overall}, all {light}."]);
    const alone = await state(name, ["Light {overall}."]);
    assert.ok(both && first && alone, name);
    assert.equal(both.length, parts.model.hiddenSize);
    const apart = (a: Float32Array, b: Float32Array): number => Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? 0)))); // prettier-ignore
    assert.ok(apart(first, alone) < 1e-4, name);
    assert.ok(apart(both, first) > 1e-2, name);
  }
  // It may be that nothing is understood of what untrained weights write: then there is no result at all.
  assert.ok(!(await state("direct", ["{overall}"])));
  parts.model.dispose();
});
