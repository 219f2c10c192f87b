/** Training of a network with running statistics: losses, gradients and steps of all optimizers are PyTorch's. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Sample } from "../../src/data/index.js";
import type { RgbImage } from "../../src/image/index.js";
import { mapSource } from "../../src/nn/index.js";
import { softTargets } from "../../src/roc/index.js";
import { Random } from "../../src/random.js";
import { liveTensors, scope, type Tensor } from "../../src/torch/index.js";
import { openLatestState, PixelCache, train, type SavedState, type TrainOptions } from "../../src/train/index.js";
import { baselineObjective, targetsOf } from "../../src/train/loop/baseline-objective.js";
import { dropsAt } from "../../src/train/optim/schedule.js";
import type { OptimizerKind } from "../../src/train/options.js";
import { openSafetensors, saveSafetensors } from "../../src/weights/index.js";
import { runRanks, SKIP } from "../torch/distributed-support.js";
import {
  BOUND,
  imageOf,
  network,
  RECIPE,
  reference,
  samples,
  SCALES,
  ToyNetwork,
  VALUES,
  type Numbers,
} from "./toy-network.js";

const RANK = new URL("./network-rank.js", import.meta.url);

function assertNear(found: ReadonlyMap<string, Tensor | null>, expected: Numbers, bound: number): void {
  assert.deepEqual([...found.keys()].sort(), Object.keys(expected).sort());
  for (const [name, tensor] of found) {
    const numbers = tensor?.toNumbers() ?? [];
    assert.equal(numbers.length, expected[name]?.length, name);
    numbers.forEach((value, i) => assert.ok(Math.abs(value - (expected[name]?.[i] ?? NaN)) <= bound, `${name} ${i}: ${value}, ${expected[name]?.[i]}`)); // prettier-ignore
  }
}

let folder = "";
before(async () => void (folder = await mkdtemp(join(tmpdir(), "roc-network-"))));
after(() => rm(folder, { recursive: true, force: true }));

test("loss, terms and gradients are PyTorch's; who has no such rating is not in a term", () => {
  const before = liveTensors();
  const model = network();
  const pictures = samples.map((sample) => ({
    sample,
    image: imageOf(sample.image),
    random: new Random(0, sample.id),
  }));
  const parameters = model.parameters();
  for (const parameter of parameters.values()) parameter.requiresGrad_();
  scope(() => {
    const objective = baselineObjective(model, SCALES);
    const { loss, terms } = objective.loss(pictures, (body) => body());
    for (const [name, value] of Object.entries(reference.terms)) {
      assert.ok(Math.abs((terms[name]?.item() ?? NaN) - value) <= BOUND, name);
    }
    loss.backward();
    assertNear(new Map([...parameters].map(([name, { grad }]) => [name, grad])), reference.gradients, BOUND);
    assert.equal(objective.counts?.(pictures).score, samples.length);
  });
  for (const parameter of parameters.values()) parameter.zeroGrad();
  model.dispose();
  assert.equal(liveTensors(), before);
});

const RECIPES: Record<string, Partial<TrainOptions> & { optimizer: OptimizerKind }> = {
  sgd: { optimizer: "sgd", momentum: 0 },
  momentum: { optimizer: "sgd", momentum: 0.8 },
  nesterov: { optimizer: "sgd", momentum: 0.8, nesterov: true },
  adam: { optimizer: "adam" },
  adamw: { optimizer: "adamw" },
  adagrad: { optimizer: "adagrad" },
};

/** Trains a model to the end, with states in `run`. @param until the step after which its reader stops */
async function trained(
  model: ToyNetwork,
  options: Partial<TrainOptions>,
  { run = folder, resume, until = Infinity }: { run?: string; resume?: SavedState | undefined; until?: number } = {},
): Promise<void> {
  const read = (file: string): Promise<RgbImage> => Promise.resolve(imageOf(file));
  const pixels = new PixelCache({ prepare: (picture) => model.inputs.prepare(picture), read });
  const save = (to: string): Promise<void> =>
    saveSafetensors(join(to, WEIGHTS), new Map([...model.parameters(), ...model.buffers()]));
  const task = {
    model,
    objective: baselineObjective(model, SCALES),
    train: samples,
    validation: [],
    pixels,
    run,
    save,
  };
  for await (const event of train({ ...task, ...(resume && { resume }) }, { ...RECIPE, ...options })) {
    assert.notEqual(event.type, "note");
    if (event.type === "step" && event.step === until) break;
  }
}

const WEIGHTS = "model.safetensors";

describe("two steps of a run end with PyTorch's weights and running statistics:", () => {
  for (const [name, options] of Object.entries(RECIPES)) {
    test(name, async () => {
      const before = liveTensors();
      const model = network();
      await trained(model, options.optimizer === "sgd" ? options : { ...options, learningRate: 0.02 });
      const { weights, statistics, predicted = [] } = reference.ends[name] ?? {};
      // Adam and Adagrad divide by the root of moments: a gradient that is off by the bound is so over a small number.
      const bound = options.optimizer === "sgd" ? BOUND : 1e-4;
      assertNear(model.parameters(), weights ?? {}, bound);
      assertNear(model.buffers(), statistics ?? {}, BOUND);
      const found = baselineObjective(model, SCALES).predict(samples.map(({ image }) => imageOf(image)));
      found.forEach((score, i) => assert.ok(Math.abs(score - (predicted[i] ?? NaN)) <= 2 * bound, `${score}`));
      model.dispose();
      assert.equal(liveTensors(), before);
    });
  }
});

test("two forwards of a step make a mean over all of its pictures; each normalises by its own batch", async () => {
  const [whole, halves] = [network(), network()];
  const pictures = samples.map((sample) => ({
    sample,
    image: imageOf(sample.image),
    random: new Random(0, sample.id),
  }));
  scope(() => {
    const objective = baselineObjective(halves, SCALES);
    const parts = [pictures.slice(0, 3), pictures.slice(3)];
    const all = parts.map((part) => objective.loss(part, (body) => body()).terms["emd"]?.item() ?? NaN);
    const shares = parts.map((part) => ({ text: 0, score: part.length / 4, votes: 0, pairs: 0 }));
    const shared = parts.map(
      (part, i) => objective.loss(part, (body) => body(), shares[i]).terms["emd"]?.item() ?? NaN,
    );
    shared.forEach((value, i) => assert.ok(Math.abs(value - (all[i] ?? NaN) * (i === 0 ? 0.75 : 0.25)) < BOUND));
  });
  for (const model of [whole, halves]) model.dispose();
});

test("a run that was broken off ends with the running statistics of a whole one", async () => {
  const before = liveTensors();
  const options: Partial<TrainOptions> = { steps: 4, every: 2, batchSize: 2, momentum: 0.8 };
  const [whole, broken] = [join(folder, "whole"), join(folder, "broken")];
  const models = [network(), network()] as const;
  await trained(models[0], options, { run: whole });
  await trained(models[1], options, { run: broken, until: 3 });
  const resume = await openLatestState(broken);
  assert.equal(resume?.state.step, 2);
  using saved = await openSafetensors(join(resume.folder, WEIGHTS));
  const again = scope(
    () => new ToyNetwork(mapSource(new Map(saved.names().map((name) => [name, saved.tensor(name)])))),
  );
  await trained(again, options, { run: broken, resume });
  for (const file of [WEIGHTS, "optimizer.safetensors"]) {
    const [expected, found] = await Promise.all(
      [whole, broken].map((run) => readFile(join(run, "step-00000004", file))),
    );
    assert.ok(expected?.equals(found ?? Buffer.of()), file);
  }
  for (const model of [...models, again]) model.dispose();
  saved.dispose();
  assert.equal(liveTensors(), before);
});

test("two processes step by the mean of their gradients; the statistics are rank 0's", { skip: SKIP }, async () => {
  for (const { code, stderr } of await runRanks(2, RANK, [join(folder, "ranks")]))
    assert.deepEqual([code, stderr], [0, ""]);
});

test("a distribution is that of the votes, else of mean and deviation, else the two scores around the mean", () => {
  const { outputs } = scope(() => {
    const model = network();
    model.dispose();
    return model;
  });
  const rated = (more: Partial<Sample>): Sample => ({ id: "a", image: "a", score: 2.25, split: "train", ...more });
  const rows = scope(() => {
    const all = [rated({ votes: [3, 0, 1] }), rated({ std: 1 }), rated({}), rated({ attributes: { light: 0.5 } })];
    const { distribution, scores } = targetsOf(outputs, all, SCALES);
    const known = targetsOf(outputs, all.map((one, i) => (i === 0 ? { ...one, raters: ["W1", "W2"] } : one)), SCALES); // prettier-ignore
    assert.deepEqual(known.raters, all.map((_, i) => (i === 0 ? ["W1", "W2"] : []))); // prettier-ignore
    assert.equal(targetsOf(outputs, all, SCALES).raters, undefined, "nobody is known");
    assert.deepEqual(scores["light"]?.toNumbers(), [NaN, NaN, NaN, 0.5]);
    assert.deepEqual(scores["score"]?.toNumbers(), [2.25, 2.25, 2.25, 2.25]);
    return Array.from({ length: 3 }, (_, i) => distribution?.select(0, i).toNumbers() ?? []);
  });
  assert.deepEqual(rows[0], [0.75, 0, 0, 0, 0.25]);
  const soft = softTargets(2.25, 1, { values: VALUES });
  rows[1]?.forEach((share, i) => assert.equal(share, Math.fround(soft[i] ?? NaN)));
  assert.deepEqual(rows[2], [0, 0.75, 0.25, 0, 0]);
});

test("rates fall as PyTorch's StepLR, MultiStepLR and ExponentialLR have them", () => {
  const ways = {
    dropEvery: { dropEvery: { epochs: 3, factor: 0.5 } },
    drops: { drops: [2, 5].map((epoch) => ({ epoch, factor: 0.1 })) },
    exponential: { dropEvery: { epochs: 1, factor: 0.9 } },
  };
  for (const [name, how] of Object.entries(ways)) {
    const expected = reference.rates[name] ?? [];
    assert.equal(expected.length, 8);
    expected.forEach((rate, epoch) => assert.ok(Math.abs(dropsAt(epoch, how) - rate) < 1e-12, `${name} ${epoch}`));
  }
});
