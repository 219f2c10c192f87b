/** What a training of every published size comes to, from its config.json alone: no weights, no tokenizer, no gigabytes. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PUBLISHED } from "../../bench/published-sizes.js";
import { atomicWriteJson } from "../../src/files/index.js";
import { planTraining } from "../../src/train/start/plan-training.js";
import type { TrainingPlan } from "../../src/train/start/plan.js";

const root = await mkdtemp(join(tmpdir(), "roc-sizes-"));
after(() => rm(root, { recursive: true }));

async function planOf(name: string, train: object = {}): Promise<TrainingPlan> {
  const folder = join(root, name);
  await atomicWriteJson(join(folder, "config.json"), PUBLISHED[name]?.config ?? {});
  const spec = {
    model: folder,
    data: { folder: "nowhere", kind: "tad66k" },
    train: { steps: 1, ...train },
    out: "run",
  };
  return planTraining(spec as never, { forecast: true });
}

for (const [name, { parameters }] of Object.entries(PUBLISHED)) {
  test(`${name}: ${parameters.toLocaleString("en-US")} parameters, and bytes of them`, async () => {
    const before = process.memoryUsage().rss;
    const plan = await planOf(name);
    assert.equal((plan.parameters?.trained ?? 0) + (plan.parameters?.frozen ?? 0), parameters);
    assert.equal(plan.memory?.weights, 4 * parameters);
    assert.equal(plan.memory?.gradients, 4 * (plan.parameters?.trained ?? 0));
    assert.equal(plan.memory?.optimizer, 8 * (plan.parameters?.trained ?? 0));
    assert.equal(plan.tokensPerSample, undefined);
    assert.ok(process.memoryUsage().rss - before < 5e8, "it holds no weights");
  });
}

test("adapters on a config alone; and 16-bit weights with their copies", async () => {
  const plan = await planOf("Qwen2-VL-7B", { lora: { rank: 16, alpha: 32 }, weights: "bfloat16" });
  assert.ok((plan.parameters?.byPart["adapters"]?.trained ?? 0) > 1e7);
  assert.equal(plan.memory?.masters, 4 * (plan.parameters?.trained ?? 0));
  assert.equal(plan.memory?.weights, 2 * ((plan.parameters?.trained ?? 0) + (plan.parameters?.frozen ?? 0)));
});
