/** What a new system begins with: weights of one file or of several, and what of them published training leaves as it is. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { writeStudio } from "../../src/studio/index.js";
import { liveTensors, scope } from "../../src/torch/index.js";
import { createBaseline } from "../../src/train/start/new-baseline.js";
import { planTraining } from "../../src/train/start/plan-training.js";
import type { TrainingSpec } from "../../src/train/start/spec.js";
import { trainModel } from "../../src/train/start/train-model.js";
import { openSafetensors, saveSafetensors } from "../../src/weights/index.js";

let folder = "";
const at = (...names: string[]): string => join(folder, ...names);
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "roc-begun-"));
  await writeStudio(at("studio"), { count: 16, longEdge: 64, testFraction: 0.25 });
  const made = await createBaseline({ system: "laion", tiny: true, seed: 3, out: at("clip") });
  assert.deepEqual(made.outputs, [{ name: "score", scale: { min: 1, max: 10 }, values: null }]);
  await part("tower", "vision_model.");
  await part("projection", "visual_projection.");
});
after(() => rm(folder, { recursive: true, force: true }));

/** A file of those weights whose names begin so. */
async function part(name: string, prefix: string): Promise<void> {
  using whole = await openSafetensors(at("clip", "model.safetensors"));
  const names = whole.names().filter((one) => one.startsWith(prefix));
  assert.ok(names.length > 0);
  const tensors = new Map(names.map((one) => [one, whole.tensor(one)]));
  await saveSafetensors(at(`${name}.safetensors`), tensors);
  for (const tensor of tensors.values()) tensor.dispose();
}

/** Trains a step. @returns what was said, and the parts in which the weights are other than those of the files */
async function trained(out: string, spec: Partial<TrainingSpec>): Promise<{ notes: string; changed: string[] }> {
  const notes: string[] = [];
  const train = { steps: 1, batchSize: 4, learningRate: 1e-2, precision: "float32", ...spec.train } as const;
  const data = { folder: at("studio"), validation: 0.2 };
  const { checkpoint } = await trainModel(
    { model: "laion", tiny: true, data, ...spec, train, out: at(out) },
    { onWarning: (text) => notes.push(text) },
  );
  using before = await openSafetensors(at("clip", "model.safetensors"));
  using after = await openSafetensors(join(checkpoint, "model.safetensors"));
  const numbers = (file: typeof before, name: string): number[] => scope(() => file.tensor(name).toNumbers());
  const changed = before.names().filter((name) => !isDeepStrictEqual(numbers(before, name), numbers(after, name)));
  return { notes: notes.join("\n"), changed: [...new Set(changed.map((name) => name.split(".")[0] ?? ""))].sort() };
}

const FILES = ["tower.safetensors", "projection.safetensors"] as const;

test("a system begins with several files, each of another part; a tower that is there stays, and its head is trained", async () => {
  const pretrained = FILES.map((file) => at(file));
  const { notes, changed } = await trained("head", { pretrained });
  assert.match(
    notes,
    /\d+ of \d+ tensors begin as in .*tower\.safetensors and .*projection\.safetensors; drawn are layers/,
  );
  assert.match(notes, /vision_model and visual_projection stay as they are, as published; --freeze none/);
  assert.deepEqual(changed, ["layers"]);
  const whole = await trained("whole", { pretrained, train: { freeze: [] } });
  assert.deepEqual(whole.changed, ["layers", "vision_model", "visual_projection"]);
  assert.doesNotMatch(whole.notes, /stay as they are/);
  assert.equal(liveTensors(), 0);
});

test("of a tower that is trained already the head is trained, and of one that is drawn all", async () => {
  const stored = await trained("stored", { model: at("clip"), tiny: undefined });
  assert.deepEqual(stored.changed, ["layers"]);
  const half = await trained("half", { pretrained: at(FILES[0]) });
  assert.ok(half.changed.includes("vision_model"), "its projection is drawn, which nothing makes useful but training");
  assert.doesNotMatch(half.notes, /stay as they are/);
});

test("a new one with 0 bins predicts one number, as in training; 1 is refused", async () => {
  const spec = { system: "nima", tiny: true } as const;
  const { outputs } = await createBaseline({ ...spec, bins: 0, out: at("one-number") });
  assert.deepEqual(outputs.map(({ values }) => values), [null]); // prettier-ignore
  const message = /bins is 1; give 0, or from 2 on/;
  await assert.rejects(createBaseline({ ...spec, bins: 1, out: at("bins") }), { code: "USAGE", message });
});

test("two files of the same part are refused; a plan names those that are not here", async () => {
  const twice = trained("twice", { pretrained: [at(FILES[0]), at("clip", "model.safetensors")] });
  await assert.rejects(twice, { code: "CHECKPOINT_MISMATCH", message: /both hold vision_model\..*one file a part/ });
  const notes: string[] = [];
  const spec = { model: "laion", tiny: true, data: at("studio"), train: { steps: 1 }, out: at("planned") };
  const { parameters } = await planTraining(
    { ...spec, pretrained: [at(FILES[0]), "gone.pth", "lost.pth"] },
    { onWarning: (text) => notes.push(text) },
  );
  assert.match(notes.join("\n"), /gone\.pth and lost\.pth, which .* begins with, are not here/);
  assert.equal(parameters?.frozen, 0);
  assert.equal(liveTensors(), 0);
});
