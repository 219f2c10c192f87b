/** What a training of every published size comes to, from its config.json alone: no weights, no tokenizer, no gigabytes. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PUBLISHED } from "../../bench/published-sizes.js";
import { atomicWriteJson } from "../../src/files/index.js";
import { planTraining } from "../../src/train/start/plan-training.js";
import { ROWS } from "./rows.js";
import type { TrainingPlan } from "../../src/train/start/plan.js";

const root = await mkdtemp(join(tmpdir(), "roc-sizes-"));
after(() => rm(root, { recursive: true }));

async function planOf(
  name: string,
  train: object = {},
  strategy = "level",
  warnings: string[] = [],
): Promise<TrainingPlan> {
  const folder = join(root, name);
  await atomicWriteJson(join(folder, "config.json"), PUBLISHED[name]?.config ?? {});
  const spec = {
    model: folder,
    data: { folder: "nowhere", kind: "tad66k" },
    strategy,
    train: { steps: 1, ...train },
    out: "run",
  };
  return planTraining(spec as never, { forecast: true, onWarning: (text) => void warnings.push(text) });
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

test("score tokens are rows that a run adds: of the embedding, and of a head of its own", async () => {
  for (const [name, matrices, hidden] of [
    ["InternVL3-8B", 2, 3584],
    ["Qwen2-VL-2B", 1, 1536],
  ] as const) {
    const warnings: string[] = [];
    const plan = await planOf(name, {}, "roc", warnings);
    const all = PUBLISHED[name]?.parameters ?? NaN;
    assert.equal((plan.parameters?.trained ?? 0) + (plan.parameters?.frozen ?? 0), all + 11 * matrices * hidden, name);
    assert.match(
      warnings.join("\n"),
      /holds no weights: .*with 11 rows for score tokens \(at most: there is no tokenizer/,
    );
  }
});

test("where a tokenizer says how many rows are free, the plan is the same with weights and without", async () => {
  for (const row of [...ROWS.values()].filter(({ family }) => ["qwen2_vl", "internvl"].includes(family))) {
    const model = await row.whole(join(root, `whole-${row.family}`));
    const spec = { model, data: { folder: "nowhere", kind: "tad66k" }, train: { steps: 1 }, out: "run" };
    const plan = (onWarning = (text: string): void => void text) =>
      planTraining(spec as never, { forecast: true, onWarning });
    const { parameters } = await plan();
    await rm(join(model, "model.safetensors"));
    let said = "";
    assert.deepEqual((await plan((text) => void (said += text))).parameters, parameters, row.family);
    assert.match(said, /holds no weights/);
    assert.doesNotMatch(said, /at most/);
  }
});
