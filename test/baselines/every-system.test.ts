/** What holds for every classical system that is in the registry, on its tiny networks. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { SYSTEM_NAMES, systemFacts } from "../../src/baselines/facts.js";
import { createBaseline, loadBaseline, saveBaseline, SYSTEMS } from "../../src/baselines/registry.js";
import type { Baseline, System } from "../../src/baselines/types.js";
import { load } from "../../src/engine/index.js";
import { isRocError, type ErrorCode } from "../../src/errors.js";
import { readJson } from "../../src/files/index.js";
import { decodeImage, type RgbImage } from "../../src/image/index.js";
import { randomSource } from "../../src/nn/index.js";
import { inferenceMode, keep, liveTensors, noGrad, scope, zeros, type Tensor } from "../../src/torch/index.js";
import { saveCheckpoint } from "../../src/weights/index.js";
import { ROOT } from "../support.js";

const PHOTOS = ["landscape-good.jpg", "portrait-good.jpg", "landscape-bad.jpg"].map(
  (name) => `${ROOT}examples/photos/${name}`,
);
const SCALE = { min: 1, max: 10 };

/** As many outputs as a system has: a distribution where it predicts one, else a number. */
function fresh({ name }: System, variant: string | undefined): Baseline {
  const wanted = { variant, tiny: true, scale: SCALE };
  const source = randomSource({ seed: 5 });
  try {
    return createBaseline(name, { ...wanted, bins: 10 }, source);
  } catch (error) {
    if (!isRocError(error) || error.code !== "USAGE") throw error;
    return createBaseline(name, wanted, source);
  }
}

async function prepared(model: Baseline): Promise<RgbImage[]> {
  return Promise.all(PHOTOS.map(async (photo) => model.inputs.prepare(await decodeImage(photo))));
}

function outputsOf(model: Baseline, pictures: readonly RgbImage[]): number[][] {
  return noGrad(() =>
    scope(() => {
      const { outputs } = model.forward(model.inputs.batch(pictures), false);
      return model.outputs.map(({ name }) => (outputs[name] as Tensor).toNumbers());
    }),
  );
}

/** Sums of a few units in size: where weights lie in memory decides how they are rounded. */
const ROUNDING = 1e-4;

function assertNear(actual: readonly (readonly number[])[], expected: readonly (readonly number[])[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((numbers, output) => {
    const most = Math.max(...numbers.map((number, i) => Math.abs(number - (expected[output]?.[i] ?? NaN))));
    assert.ok(most <= ROUNDING, `output ${output} differs by ${most}`);
  });
}

function bytesOf(tensors: ReadonlyMap<string, Tensor>): (readonly [string, Buffer])[] {
  return [...tensors].map(([name, tensor]) => [name, Buffer.from(tensor.toArray().buffer)] as const);
}

/** The tensors of a model with one of them changed, for the checkpoint of another folder. */
function tensorsWith(model: Baseline, change: (tensors: Map<string, Tensor>) => void): Map<string, Tensor> {
  const tensors = new Map([...model.parameters(), ...model.buffers()]);
  change(tensors);
  return tensors;
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "baselines-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | undefined> {
  const error = await work.then(() => undefined).catch((thrown: unknown) => thrown);
  return isRocError(error) ? error.code : undefined;
}

test("facts and systems are of the same names, each its own", () => {
  assert.deepEqual(
    SYSTEMS.map(({ name }) => name),
    [...SYSTEM_NAMES],
  );
  assert.equal(new Set(SYSTEM_NAMES).size, SYSTEM_NAMES.length);
  for (const system of SYSTEMS) assert.equal(systemFacts(system.name)?.title, system.title);
});

for (const system of SYSTEMS) {
  for (const variant of system.variants) {
    test(`${system.name} ${variant}: saved and loaded it gives the same`, async (t) => {
      const folder = await temporaryFolder(t);
      const alive = liveTensors();
      const model = fresh(system, variant);
      await saveBaseline(model, folder);
      const again = await loadBaseline(folder);
      const pictures = await prepared(model);
      assertNear(outputsOf(again, pictures), outputsOf(model, pictures));
      for (const part of ["parameters", "buffers"] as const)
        assert.deepEqual(bytesOf(again[part]()), bytesOf(model[part]()));
      assert.deepEqual(again.outputs, model.outputs);
      model.dispose();
      again.dispose();
      again.dispose();
      assert.equal(liveTensors(), alive, "every tensor is freed");
    });
  }

  test(`${system.name}: load() scores by it`, async (t) => {
    const folder = await temporaryFolder(t);
    const model = fresh(system, undefined);
    await saveBaseline(model, folder);
    const [main] = model.outputs;
    const pictures = await prepared(model);
    const alone = pictures.map((picture) => outputsOf(model, [picture]));
    model.dispose();
    using scorer = await load(folder, { worker: false });
    assert.equal(scorer.method?.system?.name, system.name);
    assert.deepEqual(scorer.scale, main?.scale);
    let row = 0;
    for await (const result of scorer.score(PHOTOS, { embedding: true })) {
      assert.ok(!("error" in result));
      const numbers = alone[row++]?.[0] ?? [];
      const score = main?.values
        ? numbers.reduce((sum, share, i) => sum + share * (main.values?.[i] ?? 0), 0)
        : numbers[0];
      assert.ok(Math.abs(result.score - (score ?? NaN)) <= ROUNDING, `${result.score}, not ${score}`);
      assert.ok((result.embedding?.length ?? 0) > 0);
      assert.equal(result.answer, "");
    }
    assert.equal(row, PHOTOS.length);
  });

  test(`${system.name}: what is wrong with its files is said`, async (t) => {
    const folder = await temporaryFolder(t);
    const model = fresh(system, undefined);
    await saveBaseline(model, folder);
    const config = (await readJson(join(folder, "config.json"))) as object;
    const [[name, first] = []] = [...model.parameters()];
    assert.ok(name !== undefined && first);
    const made: Tensor[] = [];
    const like = (shape: readonly number[], value: number): Tensor => {
      const tensor = keep(scope(() => zeros(shape).add(value)));
      made.push(tensor);
      return tensor;
    };
    const saved = (change: (tensors: Map<string, Tensor>) => void): Promise<void> =>
      saveCheckpoint(folder, tensorsWith(model, change));
    await saved((tensors) => tensors.delete(name));
    assert.equal(await codeOf(loadBaseline(folder)), "CHECKPOINT_MISMATCH", "a tensor is missing");
    await saved((tensors) => tensors.set(name, like([...first.shape, 2], 0)));
    assert.equal(await codeOf(loadBaseline(folder)), "CHECKPOINT_MISMATCH", "a tensor has another shape");
    await saved((tensors) => tensors.set("surplus", like([1], 0)));
    assert.equal(await codeOf(loadBaseline(folder)), "CHECKPOINT_MISMATCH", "a tensor too many");
    await saved((tensors) => {
      for (const [key, { shape }] of model.parameters()) tensors.set(key, like(shape, NaN));
    });
    using scorer = await load(folder, { worker: false });
    assert.equal(await codeOf(scorer.scoreOne(PHOTOS[0] ?? "")), "SCORE_NOT_FINITE");
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...config, scale: { min: 2, max: 2 } }));
    const code = await codeOf(loadBaseline(folder));
    assert.equal(code, "CONFIG_INVALID", "a scale that is none");
    await writeFile(join(folder, "config.json"), JSON.stringify({ model_type: system.name }));
    await rm(join(folder, "model.safetensors"));
    assert.notEqual(await codeOf(loadBaseline(folder)), undefined, "no weights");
    model.dispose();
    for (const tensor of made) tensor.dispose();
  });

  test(`${system.name}: a picture's answer depends on its batch only where the system says so`, async () => {
    const model = fresh(system, undefined);
    const pictures = await prepared(model);
    const together = outputsOf(model, pictures);
    const apart = pictures.map((picture) => outputsOf(model, [picture]));
    const rows = together.map((_, output) => apart.flatMap((one) => one[output] ?? []));
    if (!model.mixesBatch) assertNear(together, rows);
    model.dispose();
  });

  test(`${system.name}: what has scored can be trained in the same process`, async () => {
    const model = fresh(system, undefined);
    const pictures = await prepared(model);
    inferenceMode(() => outputsOf(model, pictures));
    scope(() => {
      for (const parameter of model.parameters().values()) parameter.requiresGrad_();
      const { features } = model.forward(model.inputs.batch(pictures), true);
      features.sum().backward();
    });
    model.dispose();
  });
}
