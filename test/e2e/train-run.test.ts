/** Run folders of all kinds of training: broken off and taken up again they end with the bytes of a whole run. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readStudio, type LoadedDataset } from "../../src/data/index.js";
import { writeStudio } from "../../src/studio/index.js";
import { load, saveCheckpoint } from "../../src/engine/index.js";
import { LOSS_PRESETS } from "../../src/roc/index.js";
import { createDemo } from "../../src/studies/demo/create.js";
import { runTraining, startFrom, type RunPlan, type TrainEvent, type TrainOptions } from "../../src/train/index.js";
import { liveTensors, scope, type Tensor } from "../../src/torch/index.js";
import { openSafetensors } from "../../src/weights/index.js";

const TINY = {
  ...{ imageSize: 28, patch: 14, resize: "stretch" as const, visionWidth: 32, visionLayers: 2, visionHeads: 2 },
  ...{ textWidth: 32, textLayers: 2, textHeads: 2, vocabulary: 300 },
} as const;
const WEIGHTS = LOSS_PRESETS["paper-ava"];
const OPTIONS: TrainOptions = {
  ...{ seed: 5, steps: 4, batchSize: 2, accumulation: 2, learningRate: 1e-3, schedule: "cosine", warmup: 1 },
  ...{ weightDecay: 0.1, betas: [0.9, 0.999], maxNorm: 1, flip: true, precision: "float32", every: 2 },
};
const LORA = { rank: 2, alpha: 4, dropout: 0.2, targets: "all-linear", alsoTrain: ["projector"] };

let folder = "";
let data: LoadedDataset;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-run-"));
  await writeStudio(join(folder, "studio"), { count: 24, longEdge: 32 });
  data = await readStudio(join(folder, "studio"), { validationFraction: 0.2 });
  const { parts } = await createDemo(join(folder, "tokenizer"), 1, TINY, WEIGHTS);
  await saveCheckpoint(join(folder, "start"), parts);
  parts.model.dispose();
});
after(() => rm(folder, { recursive: true, force: true }));

async function run(
  name: string,
  options: Partial<TrainOptions>,
  until?: (event: TrainEvent) => boolean,
  plan: Partial<RunPlan> = {},
): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  const events = runTraining({
    ...{ folder: join(folder, name), options: { ...OPTIONS, ...options }, weights: WEIGHTS, scale: data.scale },
    train: data.samples.filter(({ split }) => split === "train"),
    validation: data.samples.filter(({ split }) => split === "validation"),
    start: (dtype) => startFrom(join(folder, "start"), { weights: WEIGHTS, dtype }),
    from: { base: "start" },
    base: "start",
    ...plan,
  });
  for await (const event of events) {
    all.push(event);
    if (until?.(event)) break;
  }
  return all;
}

/** Every file of the last state that is no clock's. */
async function lastState(name: string): Promise<Map<string, Buffer>> {
  const state = join(folder, name, `step-0000000${OPTIONS.steps}`);
  const files = (await readdir(state, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const weights = files.filter(({ name }) => name.endsWith(".safetensors"));
  const read = weights.map(async (entry) => [entry.name, await readFile(join(entry.parentPath, entry.name))] as const);
  return new Map(await Promise.all(read));
}

function losses(events: readonly TrainEvent[]): number[] {
  return events.filter((event) => event.type === "step").map(({ loss }) => loss);
}

const KINDS: Record<string, Partial<TrainOptions>> = {
  "adapters with dropout": { lora: LORA },
  "adapters alone, unmerged, on bfloat16 weights": {
    lora: { rank: 2, alpha: 4, targets: ["q_proj", "v_proj"], merge: false },
    weights: "bfloat16",
  },
  "parts, groups and new rows": {
    ...{ freeze: ["vision"], vocabulary: "new", groupByLength: true },
    groups: [{ pattern: "projector", learningRate: 1e-2, weightDecay: 0 }],
  },
  "bfloat16 weights with masters": { weights: "bfloat16" },
};

for (const [kind, options] of Object.entries(KINDS)) {
  test(`${kind}: a run that was broken off ends with the bytes of a whole one`, async () => {
    const tensors = liveTensors();
    const name = kind.replaceAll(/\W+/g, "-");
    const whole = losses(await run(name, options));
    assert.ok(whole.length === OPTIONS.steps && new Set(whole).size === whole.length);
    const expected = await lastState(name);
    await run(`${name}-2`, options, ({ type, step }) => type === "step" && step === 3);
    const rest = await run(`${name}-2`, options);
    assert.equal(rest[0]?.step, 2);
    assert.deepEqual(losses(rest), whole.slice(2));
    const found = await lastState(`${name}-2`);
    assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
    for (const [file, bytes] of expected) assert.ok(found.get(file)?.equals(bytes), file);
    assert.equal(liveTensors(), tensors);
  });
}

test("recomputed activations end with the same bytes, and may be switched on in the middle", async () => {
  const expected = await lastState("adapters-with-dropout");
  await run("recomputed", { lora: LORA }, ({ type }) => type === "checkpoint");
  await run("recomputed", { lora: LORA, recompute: true, keepLast: 2 });
  for (const [file, bytes] of await lastState("recomputed"))
    assert.ok(bytes.equals(expected.get(file) ?? Buffer.of()), file);
  await assert.rejects(run("recomputed", { recompute: true }), {
    code: "USAGE",
    message: /lora was \{.*now not set/,
  });
});

test("frozen parts and old rows keep their bits, all others move", async () => {
  const state = join(folder, "parts-groups-and-new-rows", `step-0000000${OPTIONS.steps}`);
  using before = await openSafetensors(join(folder, "start", "model.safetensors"));
  using now = await openSafetensors(join(state, "model.safetensors"));
  const vocabulary = Number(before.info("language_model.lm_head.weight").shape[0]);
  scope(() => {
    for (const name of before.names()) {
      const [old, trained] = [before.tensor(name), now.tensor(name)];
      const matrix = /embed_tokens|lm_head/.test(name);
      const rows = matrix ? vocabulary - 11 : (old.shape[0] ?? 0);
      const same = isSame(old.narrow(0, 0, rows), trained.narrow(0, 0, rows));
      // The norm behind the tower's last layer is not run.
      const still = matrix || name.startsWith("vision_tower.");
      assert.equal(same, still, name);
      if (matrix) assert.ok(!isSame(old.slice(0, rows), trained.slice(0, rows)), name);
    }
  });
});

function isSame(a: Tensor, b: Tensor): boolean {
  return a.ne(b).sum().item() === 0;
}

test("a merged state scores as a checkpoint; its adapter folder has what was trained and nothing else", async () => {
  const state = join(folder, "adapters-with-dropout", `step-0000000${OPTIONS.steps}`);
  const model = await load(state);
  for await (const result of model.score([data.samples[0]?.image ?? ""])) assert.ok("score" in result);
  model.dispose();
  using adapter = await openSafetensors(join(state, "adapter", "adapter_model.safetensors"));
  const whole = adapter.names().filter((name) => !name.includes(".lora_"));
  assert.deepEqual(whole.sort(), [
    "base_model.model.lm_head.weight",
    "base_model.model.model.language_model.embed_tokens.weight",
    // They have adapters, too: in peft's memory the map itself is inside of them.
    ...["linear_1", "linear_2"].flatMap((map) =>
      ["bias", "weight"].map((name) => `base_model.model.model.multi_modal_projector.${map}.base_layer.${name}`),
    ),
  ]);
});
