/** Whatever a training run leaves can be scored: run folders, states without merged weights, folders of adapters. */
import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readStudio, type Sample } from "../../src/data/index.js";
import { writeStudio } from "../../src/studio/index.js";
import { digestCheckpoint, load, saveCheckpoint } from "../../src/engine/index.js";
import { loadModel } from "../../src/models/registry.js";
import { DEFAULT_TEMPLATES, LOSS_PRESETS } from "../../src/roc/index.js";
import { createBase } from "../../src/studies/claims/base.js";
import type { RocError } from "../../src/errors.js";
import { runTraining, startFrom, startSettings, type LoraTraining, type TrainOptions } from "../../src/train/index.js";
import { scope } from "../../src/torch/index.js";
import { openSafetensors } from "../../src/weights/index.js";
import { runProgram } from "../cli/program.js";
import { fixture } from "../support.js";

const TINY = {
  ...{ imageSize: 28, patch: 14, resize: "stretch" as const, visionWidth: 32, visionLayers: 1, visionHeads: 2 },
  ...{ textWidth: 32, textLayers: 1, textHeads: 2, vocabulary: 300 },
} as const;
const WEIGHTS = LOSS_PRESETS.paper;
const OPTIONS: TrainOptions = {
  ...{ seed: 5, steps: 4, batchSize: 2, accumulation: 1, learningRate: 1e-2, schedule: "constant", warmup: 0 },
  ...{ weightDecay: 0, betas: [0.9, 0.999], maxNorm: 1, flip: false, precision: "float32", every: 2, keepLast: 2 },
};
const LORA = { rank: 2, alpha: 4, targets: "all-linear", alsoTrain: ["projector"] };

let folder = "";
let samples: readonly Sample[];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-adapters-"));
  await writeStudio(join(folder, "studio"), { count: 16, longEdge: 32, testFraction: 0 });
  ({ samples } = await readStudio(join(folder, "studio"), { validationFraction: 0.2 }));
  // It knows no score tokens.
  const { resize: _, ...sizes } = TINY;
  const texts = { templates: DEFAULT_TEMPLATES, texts: ["The rate of the image is good."] };
  const { parts } = await createBase(join(folder, "tokenizer"), { family: "llava", ...sizes }, 1, texts);
  await saveCheckpoint(join(folder, "base"), parts);
  parts.model.dispose();
});
after(() => rm(folder, { recursive: true, force: true }));

async function train(
  name: string,
  lora: Partial<LoraTraining> | undefined,
  more: Partial<TrainOptions> = {},
): Promise<string> {
  const run = join(folder, name);
  const base = join(folder, "base");
  const start = { strategy: "roc", weights: WEIGHTS } as const;
  const part = (split: Sample["split"]): Sample[] => samples.filter((sample) => sample.split === split);
  for await (const event of runTraining({
    ...{
      folder: run,
      weights: WEIGHTS,
      scale: { min: 1, max: 10 },
      train: part("train"),
      validation: part("validation"),
    },
    options: { ...OPTIONS, ...more, ...(lora && { lora: { ...LORA, ...lora } }) },
    start: (dtype) => startFrom(base, { ...start, dtype }),
    ...{ from: () => startSettings(base, start), base },
  }))
    void event;
  return run;
}

async function scoreOf(checkpoint: string, base?: string): Promise<number> {
  using model = await load(checkpoint, { base });
  const result = await model.scoreOne(samples[0]?.image ?? "");
  assert.ok("score" in result);
  return result.score;
}

/** Weights are elsewhere in memory, where sums of float32 may be taken in another order. */
function assertNear(score: number, expected: number): void {
  assert.ok(Math.abs(score - expected) < 1e-5, `${score}, not ${expected}`);
}

const cli = (...args: string[]) => runProgram(args, { cwd: folder, env: { HF_HUB_OFFLINE: "1" } });

for (const [what, more] of Object.entries({ "new rows": {}, "no rows": { vocabulary: "none" as const } })) {
  test(`states with merged weights, without, and their adapters alone score alike (${what})`, async () => {
    const name = what.replace(" ", "-");
    const merged = join(await train(`merged-${name}`, {}, more), "step-00000004");
    const apart = join(await train(`apart-${name}`, { merge: false }, more), "step-00000004");
    assert.ok(!(await readdir(apart)).includes("model.safetensors"));
    const expected = await scoreOf(merged);
    for (const place of [apart, join(apart, "adapter"), join(merged, "adapter")]) {
      assertNear(await scoreOf(place), expected);
    }
    const out = join(folder, `whole-${name}`);
    const made = await cli("merge", join(apart, "adapter"), "--out", out);
    assert.equal(made.code, 0, made.stderr);
    assertNear(await scoreOf(out), expected);
    const again = await cli("merge", apart, "--out", out);
    assert.deepEqual([again.code, /is not empty/.test(again.stderr)], [2, true]);
    assert.match((await cli("merge", merged, "--out", join(folder, "none"))).stderr, /holds no adapters/);
  });
}

test("a run folder means its best state, else for its latest, and it is said which", async () => {
  const run = await train("run", { merge: false });
  const best = (await readFile(join(run, "best"), "utf8")).trim();
  const scored = await cli("score", samples[0]?.image ?? "", "--model", run, "--json");
  assert.equal(scored.code, 0, scored.stderr);
  assert.match(scored.stderr, new RegExp(`Taking .*${best}, the best state of the run`));
  assert.match((JSON.parse(scored.stdout) as { model: string }).model, new RegExp(`^run/${best}@`));
  assert.equal(await scoreOf(run), await scoreOf(join(run, best)));
  await rm(join(run, "best"));
  await writeFile(join(run, "latest"), "");
  assert.match((await cli("inspect", "checkpoint", run)).stdout, /step-00000004.*\nadapters .*on .*base/);
});

test("a base that has moved is asked for by name, and may be given", async () => {
  const state = join(await train("moved", { merge: false }), "step-00000004");
  const expected = await scoreOf(state);
  await cp(join(folder, "base"), join(folder, "elsewhere"), { recursive: true });
  await rename(join(folder, "base"), join(folder, "gone"));
  try {
    await assert.rejects(load(state), { code: "FILE_NOT_FOUND", message: /names the base model .*base.*--base/ });
    const scored = await cli("score", samples[0]?.image ?? "", "--model", state);
    assert.deepEqual(
      [scored.code, /The base model .*base of .*moved.*--base/.test(scored.stderr)],
      [3, true],
      scored.stderr,
    );
    assert.equal(await scoreOf(state, join(folder, "elsewhere")), expected);
    assert.equal((await cli("score", samples[0]?.image ?? "", "--model", state, "--base", "elsewhere")).code, 0);
    assert.equal((await cli("inspect", "checkpoint", state, "--base", "elsewhere")).code, 0);
  } finally {
    await rename(join(folder, "gone"), join(folder, "base"));
  }
});

test("adapters on another base than they were trained on are refused", async () => {
  const state = join(await train("strict", { merge: false }), "step-00000004");
  const adapter = join(state, "adapter");
  const other = join(folder, "other");
  await cp(join(folder, "base"), other, { recursive: true });
  await writeFile(join(other, "model.safetensors"), flipped(await readFile(join(other, "model.safetensors"))));
  const message =
    /adapters in .*adapter were trained on a base model of digest [0-9a-f]{8}; .*other is [0-9a-f]{8}.*--base/;
  for (const place of [state, adapter]) {
    await assert.rejects(load(place, { base: other }), { code: "CHECKPOINT_MISMATCH", message });
  }
  await assert.rejects(scoreOf(join(folder, "strict"), other), { code: "CHECKPOINT_MISMATCH" });
  for (const args of [
    ["score", samples[0]?.image ?? "", "--model", state],
    ["merge", adapter, "--out", join(folder, "refused")],
    ["inspect", "checkpoint", state],
  ]) {
    const { code, stdout, stderr } = await cli(...args, "--base", other);
    assert.deepEqual([code, message.test(stdout + stderr)], [4, true], stdout + stderr);
  }
  const config = join(adapter, "adapter_config.json");
  const text = await readFile(config, "utf8");
  await writeFile(config, text.replace(JSON.stringify(join(folder, "base")), JSON.stringify(other)));
  await assert.rejects(startFrom(adapter), { code: "CHECKPOINT_MISMATCH" });
  // Python peft's do not say it.
  await rm(join(adapter, "roc_base.json"));
  await scoreOf(state);
});

function flipped(bytes: Buffer): Buffer {
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return bytes;
}

test("a run folder as the base of adapters means its best state", async () => {
  const base = await train("whole", undefined);
  const best = (await readFile(join(base, "best"), "utf8")).trim();
  const state = join(await train("on-run", { merge: false }), "step-00000004");
  await rm(join(state, "adapter", "roc_base.json"));
  assert.equal(await scoreOf(state, base), await scoreOf(state, join(base, best)));
  const scored = await cli("score", samples[0]?.image ?? "", "--model", state, "--base", base);
  assert.deepEqual([scored.code, scored.stderr.includes(`Taking ${join(base, best)}, the best`)], [0, true]);
});

const STATES = {
  merged: { lora: undefined, files: ["model.safetensors", "config.json", "tokenizer.json", "optimizer.safetensors"] },
  apart: { lora: { merge: false }, files: ["adapter/adapter_model.safetensors", "adapter/adapter_config.json"] },
};
for (const [what, { lora, files }] of Object.entries(STATES)) {
  test(`a run whose newest state has lost a file says how it resumes (${what})`, async () => {
    const state = join(await train(`lost-${what}`, lora), "step-00000004");
    for (const file of files) {
      const path = join(state, file);
      const bytes = await readFile(path);
      for (const lose of [() => truncate(path, 100), () => rm(path)]) {
        await lose();
        await assert.rejects(train(`lost-${what}`, lora), ({ code, message }: RocError) => {
          assert.equal(code, "CHECKPOINT_INVALID");
          assert.match(message, /is no whole state: .*\. Restore it, delete .*step-00000004 to resume .*--fresh\.$/);
          assert.doesNotMatch(message, /[Ff]etch/);
          return true;
        });
      }
      await writeFile(path, bytes);
    }
    await train(`lost-${what}`, lora);
  });
}

test("adapters count in a checkpoint's name, and so does their base", async () => {
  const state = join(await train("named", { merge: false }), "step-00000004");
  const copy = join(folder, "changed");
  await cp(join(folder, "base"), copy, { recursive: true });
  const digests = [await digestCheckpoint(state), await digestCheckpoint(state, { base: copy })];
  assert.equal(digests[0], digests[1], "another folder of the same files");
  const path = join(copy, "model.safetensors");
  await writeFile(path, flipped(await readFile(path)));
  digests.push(await digestCheckpoint(state, { base: copy }));
  const adapter = join(state, "adapter", "adapter_model.safetensors");
  await writeFile(adapter, Buffer.concat([(await readFile(adapter)).subarray(0, -1), Buffer.of(1)]));
  digests.push(await digestCheckpoint(state));
  assert.equal(new Set(digests).size, 3);
});

test("adapters that Python peft wrote are merged into the base that is given", async () => {
  const base = fixture("llava/tiny");
  const adapter = join(folder, "peft");
  await cp(fixture("train/peft/adapter"), adapter, { recursive: true });
  using model = await loadModel(adapter, { base });
  using plain = await loadModel(base);
  const name = "language_model.model.layers.0.self_attn.q_proj.weight";
  using file = await openSafetensors(join(adapter, "adapter_model.safetensors"));
  const { lora_alpha: alpha, r } = JSON.parse(await readFile(join(adapter, "adapter_config.json"), "utf8")) as Record<
    string,
    number
  >;
  const [a, b] = ["A", "B"].map(
    (half) => file.names().find((one) => one.includes("language_model.layers.0.self_attn.q_proj.lora_" + half)) ?? "",
  );
  scope(() => {
    const scale = (alpha ?? NaN) / Math.sqrt(r ?? NaN); // use_rslora
    const delta = file
      .tensor(b ?? "")
      .matmul(file.tensor(a ?? ""))
      .mul(scale);
    const expected = plain.parameters().get(name)?.add(delta);
    const found = model.parameters().get(name);
    assert.ok(expected && found);
    assert.ok(found.sub(expected).abs().max().item() < 1e-6);
    assert.ok(delta.abs().max().item() > 1e-3);
  });
});
