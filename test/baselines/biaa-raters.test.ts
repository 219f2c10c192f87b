/**
 * A prior over raters against the authors' own loop (test/fixtures/baselines/biaa/raters/make.py), and a run over raters that resumes in
 * the middle of a task.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { biaa } from "../../src/baselines/biaa/index.js";
import type { Baseline } from "../../src/baselines/types.js";
import type { RgbImage } from "../../src/image/index.js";
import { mapSource } from "../../src/nn/index.js";
import { scope } from "../../src/torch/index.js";
import { openLatestState, PixelCache, train, type SavedState, type TrainOptions } from "../../src/train/index.js";
import { isTask, taskSizes, type RatingSample } from "../../src/train/data/raters.js";
import { baselineObjective } from "../../src/train/loop/baseline-objective.js";
import { RaterLoader } from "../../src/train/loop/rater-loader.js";
import { dropsAt } from "../../src/train/optim/schedule.js";
import type { KeptWeights } from "../../src/train/options.js";
import { openSafetensors, saveSafetensors } from "../../src/weights/index.js";
import { filler } from "../models/support.js";
import { fixture } from "../support.js";
import { byFormula, expectedOf, freed } from "./by-formula.js";

const expected = await expectedOf("biaa/raters");

const SEED = scope(() => expected.tensor("seed").item());
const SIDE = 64;
const SCALE = { min: 1, max: 5 };
const SMALL = {
  ...{ model_type: "biaa", scale: SCALE, image_size: SIDE, train_image_size: SIDE, resample: "bilinear" },
  ...{ width: 4, depths: [1, 1, 1, 1], classes: 6, hidden: [16, 8], dropout: 0 },
};
const weights = byFormula((name, size) => (/\.relu\d\./.test(name) ? new Float32Array(size).fill(0.2) : undefined));

function model(source = weights): Baseline & Disposable {
  return freed(biaa.create(SMALL, source));
}

/** The right half is the left one's mirror image. */
function picture(number: number): RgbImage {
  const half = SIDE / 2;
  const levels = filler(`picture${number}.${SEED}`, 3 * SIDE * half);
  const data = new Uint8Array(3 * SIDE * SIDE);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        const level = levels[(c * SIDE + y) * half + Math.min(x, SIDE - 1 - x)] ?? NaN;
        data[(y * SIDE + x) * 3 + c] = Math.floor((level + 1) * 127.5);
      }
    }
  }
  return { width: SIDE, height: SIDE, data };
}

/** Ratings of each of six raters, of 40 pictures. */
const COUNTS = [33, 36, 34, 30, 35, 33];
const samples: readonly RatingSample[] = COUNTS.flatMap((count, rater) =>
  Array.from({ length: count }, (_, i) => {
    const number = (rater * 5 + i) % 40;
    const id = `${number}`;
    return { id, image: id, split: "train", score: 1 + ((rater * 7 + number * 3) % 5), rater: `${rater}` };
  }),
);

const EPOCHS = 2;
const RECIPE: TrainOptions & Required<Pick<TrainOptions, "raters">> = {
  ...{ seed: 1, steps: EPOCHS * COUNTS.length * 4, batchSize: 24, accumulation: 1, schedule: "constant", warmup: 0 },
  ...{ learningRate: 2e-5, groups: [{ pattern: "net", learningRate: 2e-4 }], weightDecay: 0, betas: [0.9, 0.999] },
  ...{
    dropEvery: { epochs: 1, factor: 0.9, growing: true },
    optimizer: "adam",
    every: 1000,
    maxNorm: 1e9,
    flip: false,
  },
  ...{ precision: "float32", raters: { steps: 2, tasks: 4, keep: "prior" } },
};

const WEIGHTS = "model.safetensors";
let folder = "";
before(async () => void (folder = await mkdtemp(join(tmpdir(), "roc-raters-"))));
after(() => rm(folder, { recursive: true, force: true }));

interface Run {
  readonly run: string;
  readonly options?: Partial<TrainOptions>;
  readonly resume?: SavedState;
  /** The step after which the reader stops. */
  readonly until?: number;
}

async function trained(network: Baseline, { run, options, resume, until = Infinity }: Run): Promise<void> {
  const read = (file: string): Promise<RgbImage> => network.inputs.prepare(picture(Number(file)));
  const pixels = new PixelCache({ prepare: (one) => network.inputs.prepare(one), read });
  const save = (to: string): Promise<void> =>
    saveSafetensors(join(to, WEIGHTS), new Map([...network.parameters(), ...network.buffers()]));
  const objective = baselineObjective(network, { scale: SCALE });
  const task = { model: network, objective, train: samples, validation: [], pixels, run, save };
  for await (const event of train({ ...task, ...(resume && { resume }) }, { ...RECIPE, ...options })) {
    assert.notEqual(event.type, "note");
    if (event.type === "step" && event.step === until) break;
  }
}

/** Runs are of one process each: two run at once would share its generator. */
for (const [keep, kept] of [
  ["prior", "prior"],
  ["last", "weights"],
] as const satisfies [KeptWeights, string][]) {
  test(`two epochs of six raters end with the authors' weights: ${keep}`, async (t) => {
    const run = join(folder, keep);
    using network = model();
    await trained(network, { run, options: { raters: { ...RECIPE.raters, keep } } });
    using saved = await openSafetensors(join((await openLatestState(run))?.folder ?? "", WEIGHTS));
    scope(() => {
      expected.allNear(t, kept, (name) => saved.tensor(name));
      expected.allNear(t, "buffer", (name) => saved.tensor(name));
    });
  });
}

test("raters, and what a task begins and goes on with, are those of the fixture; only what it begins with is cropped", async () => {
  const plan = JSON.parse(readFileSync(fixture("baselines/biaa/raters/plan.json"), "utf8")) as object[];
  const pixels = new PixelCache({
    prepare: () => picture(0),
    read: (file) => Promise.resolve(picture(Number(file))),
  });
  const loader = new RaterLoader(samples, pixels, RECIPE);
  const found = [];
  for (let task = 0; task < plan.length; task++) {
    const [[first], [again], [others]] = [await loader.take(4 * task, 4 * task + 1), await loader.take(4 * task + 1), await loader.take(4 * task + 2)] as const; // prettier-ignore
    const shown = (first?.pictures() ?? []).map(({ sample, random }) => [sample.id, random.next()]);
    assert.deepEqual((again?.pictures() ?? []).map(({ sample, random }) => [sample.id, random.next()]), shown); // prettier-ignore
    assert.ok(others?.pictures().every(({ asTest }) => asTest) && first?.pictures().every(({ asTest }) => !asTest));
    const ids = (batch: typeof first): number[] => (batch?.pictures() ?? []).map(({ sample }) => Number(sample.id));
    found.push({
      rater: Number((first?.pictures()[0]?.sample as RatingSample).rater),
      first: ids(first),
      others: ids(others),
    });
    assert.deepEqual(loader.at(4 * task + 3), { epoch: Math.floor(task / 6), batch: task % 6 });
  }
  assert.deepEqual(found, plan);
});

test("a run that was broken off in a task resumes to the byte", async () => {
  const [whole, broken] = [join(folder, "whole"), join(folder, "broken")];
  const options = { steps: 22, every: 11, raters: { ...RECIPE.raters, tasks: 2 } };
  using one = model();
  await trained(one, { run: whole, options });
  using two = model();
  await trained(two, { run: broken, options, until: 15 });
  const resume = await openLatestState(broken);
  assert.equal(resume?.state.step, 11);
  using saved = await openSafetensors(join(resume.folder, WEIGHTS));
  using three = scope(() => model(mapSource(new Map(saved.names().map((name) => [name, saved.tensor(name)])))));
  await trained(three, { run: broken, options, resume });
  for (const file of [WEIGHTS, "optimizer.safetensors"]) {
    const [expectedBytes, found] = await Promise.all([whole, broken].map((run) => readFile(join(run, "step-00000022", file)))); // prettier-ignore
    assert.ok(expectedBytes?.equals(found ?? Buffer.of()), file);
  }
});

test("sizes of tasks are the authors'", () => {
  // int(0.8 * n) below 110 ratings, else 80; of the rest at most a quarter as many.
  const sizes = [10, 50, 87, 109, 110, 300].map((count) => taskSizes(count, 80));
  assert.deepEqual(sizes.map(({ first }) => first), [8, 40, 69, 87, 80, 80]); // prettier-ignore
  assert.deepEqual(sizes.map(({ others }) => others), [2, 10, 17, 21, 20, 20]); // prettier-ignore
  assert.deepEqual([9, 10].map((count) => isTask(count, 80)), [false, true]); // prettier-ignore
});

test("growing falls multiply what fell before, as the authors' exp_lr_scheduler", () => {
  const rates = [0, 1, 2, 3, 3.99].map((epochs) => dropsAt(epochs, { dropEvery: { epochs: 1, factor: 0.9, growing: true } })); // prettier-ignore
  [1, 0.9, 0.729, 0.531441, 0.531441].forEach((rate, i) => assert.ok(Math.abs((rates[i] ?? NaN) - rate) < 1e-12));
});
