/** The strategy `set`, from the studio's sets to a comparison: trained, saved, resumed, loaded, in a worker and here. */
import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { compare, load, planTraining, readDataset, trainModel, type TrainEvent, type TrainingSpec } from "roc4mllm";
import type { Sample } from "../../src/data/index.js";
import { TrainProgress } from "../../src/cli/train/progress.js";
import { planText } from "../../src/cli/train/plan.js";
import { createModel } from "../../src/engine/index.js";
import { isRocError } from "../../src/errors.js";
import { Random } from "../../src/random.js";
import { LOSS_PRESETS } from "../../src/roc/index.js";
import { writeStudioFormats } from "../../src/studio/index.js";
import { liveTensors } from "../../src/torch/index.js";
import { setsOf } from "../../src/train/data/sets.js";
import { reopen, strategyObjective } from "../../src/train/index.js";
import { ROWS } from "../models/rows.js";

let root = "";
let base = "";
let trained = "";
let samples: readonly Sample[] = [];
before(async () => {
  root = await mkdtemp(join(tmpdir(), "train-sets-"));
  base = (await ROWS.get("qwen2_vl")?.whole(join(root, "base"))) ?? "";
  const options = { seed: 1, count: 24, longEdge: 56, testFraction: 0.2, sets: true };
  await writeStudioFormats(join(root, "data"), { ...options, formats: ["csv"] });
  ({ samples } = await readDataset({ folder: join(root, "data"), kind: "csv" }));
});
after(() => rm(root, { recursive: true }));
afterEach(() => assert.equal(liveTensors(), 0, "every tensor is freed"));

function specOf(out: string, more: Partial<TrainingSpec> = {}): TrainingSpec {
  return {
    model: base,
    data: { folder: join(root, "data"), kind: "csv", validation: 0 },
    strategy: "set",
    loss: { l1: 1, ce: 0, emd: 0, thurstone: 1, fidelity: 0.5 },
    train: { steps: 3, batchSize: 2, every: 2, learningRate: 3e-3, precision: "float32" },
    out: join(root, out),
    ...more,
  };
}

test("trained, saved and loaded: compare() shows the pictures together, and takes the places' effect out", async () => {
  const losses: number[] = [];
  const { checkpoint } = await trainModel(specOf("run"), {
    env: {},
    onEvent: (event) => {
      if (event.type !== "step") return;
      losses.push(event.loss);
      assert.ok(Number.isFinite(event.terms["thurstone"]) && Number.isFinite(event.terms["fidelity"]));
    },
  });
  assert.equal(losses.length, 3);
  trained = checkpoint;
  const pictures = samples.slice(0, 3).map(({ image }) => image);
  using here = await load(checkpoint, { worker: false, threads: 1 });
  assert.equal(here.method?.strategy, "set");
  const compared = await compare(here, pictures);
  assert.deepEqual([compared.by, compared.places?.orders, compared.places?.favour.length], ["set", 6, 3]);
  assert.ok(
    Math.abs(compared.places?.favour.reduce((sum, shift) => sum + shift, 0) ?? 1) < 1e-9,
    "shifts are around 0",
  );
  // The order in which pictures are given changes nothing but the order of the answer.
  const turned = await compare(here, [...pictures].reverse());
  turned.results.forEach(({ score }, i) => assert.ok(Math.abs(score - (compared.results[2 - i]?.score ?? NaN)) < 1e-4));
  const five = samples.slice(0, 5).map(({ image }) => image);
  const [forth, back] = [await compare(here, five), await compare(here, [...five].reverse())];
  assert.deepEqual([forth.places?.orders, back.order.map((index) => 4 - index)], [10, forth.order]);
  // Of a photo that is there twice the same is said.
  const [a = "", b = "", c = ""] = pictures;
  const { results } = await compare(here, [a, b, c, a]);
  assert.deepEqual(results[0]?.distribution, results[3]?.distribution);
  using there = await load(checkpoint, { threads: 1 });
  assert.deepEqual(await compare(there, pictures), compared);
  // A single picture is a set of one.
  assert.ok(Number.isFinite((await here.scoreOne(pictures[0] ?? "")).score));
  await assert.rejects(compare(here, [pictures[0] ?? "", "missing.jpg"]), (error) => isRocError(error) && error.code === "FILE_NOT_FOUND"); // prettier-ignore
});

test("the plan, the run and what both print count sets where steps do, and pictures where pictures are meant", async () => {
  const train = { epochs: 3, batchSize: 2, learningRate: 1e-3, precision: "float32" } as const;
  const spec = specOf("planned", { data: { folder: join(root, "data"), kind: "csv", validation: 0.4 }, train });
  const notes: string[] = [];
  const noted: string[] = [];
  const plan = await planTraining(spec, { onWarning: (text) => notes.push(text) });
  const { sets = NaN, steps = NaN } = plan;
  assert.ok(sets > 1 && sets < (plan.train ?? 0), "a set has several pictures");
  assert.deepEqual([steps, plan.epochs], [Math.ceil((3 * sets) / 2), ((steps ?? NaN) * 2) / sets]);
  const events: TrainEvent[] = [];
  await trainModel(spec, { env: {}, onEvent: (event) => events.push(event), onWarning: (text) => noted.push(text) });
  const start = events.find((event) => event.type === "start");
  assert.deepEqual(
    [start?.trainSamples, start?.sets, start?.validationSamples, start?.totalSteps],
    [plan.train, sets, plan.validation, steps],
  );
  assert.deepEqual(noted, notes);
  const counted = `${plan.train} pictures in ${sets} sets`;
  assert.match(planText(plan), new RegExp(`pictures +${counted} to train on, ${plan.validation} to validate`));
  assert.match(planText(plan), new RegExp(`steps +${steps} of 2 sets: `));
  assert.match(planText(plan), /tokens +up to [\d,]+ per set, \d+ of them supervised; up to [\d,]+ in all/);
  const alone = await planTraining({ ...spec, strategy: "roc", templates: { prompts: ["<image>\nRate."], answers: ["{overall}."] } }); // prettier-ignore
  assert.ok((plan.tokensPerSample ?? 0) > 2 * (alone.tokensPerSample ?? Infinity) - 40, "several pictures a prompt");
  let text = "";
  const stderr = { isTTY: false, write: (more: string) => void (text += more) };
  for (const event of events) new TrainProgress({ stdout: stderr, stderr }, false).event(event);
  assert.ok(text.includes(`: ${counted} (${plan.validation} pictures to validate), `), text);
  // Passes are over sets; a set's pairs are compared in a batch of one, too.
  const many: string[] = [];
  await planTraining(
    { ...spec, train: { ...train, epochs: 50, batchSize: 1 } },
    { onWarning: (one) => many.push(one) },
  );
  assert.ok(many.some((one) => one.startsWith(`50 passes over ${sets} sets: `) && one.includes(`; ${5 * sets} steps would be 5 passes`)), many.join("\n")); // prettier-ignore
  assert.ok(!many.some((one) => one.includes("never act")), many.join("\n"));
});

test("the plan of sets whose pictures are not there counts the rated ones", async () => {
  const bare = join(root, "bare");
  await cp(join(root, "data"), bare, { recursive: true, filter: (file) => !file.endsWith(".jpg") });
  const notes: string[] = [];
  const plan = await planTraining(specOf("bare", { data: { folder: bare, kind: "csv" } }), { onWarning: (text) => notes.push(text) }); // prettier-ignore
  assert.ok((plan.sets ?? 0) > 1 && (plan.tokensPerSample ?? 0) > 0);
  assert.ok(
    notes.some((text) => text.startsWith("no picture file is there")),
    notes.join("\n"),
  );
});

test("asked: every order of three, both orders of every pair of four; the effect of the order is told", async () => {
  const { parts } = await reopen(trained);
  using model = createModel(parts, "tiny");
  const pictures = samples.slice(0, 4).map(({ image }) => image);
  const ask = "Which one is better?";
  const three = await compare(model, pictures.slice(0, 3), { ask });
  assert.deepEqual([three.by, three.places?.orders, three.places?.favour.length], ["question", 6, 3]);
  const four = await compare(model, pictures, { ask });
  assert.deepEqual([four.places?.orders, four.places?.favour.length], [12, 2]);
  for (const { best, worst, places, wins, order } of [three, four]) {
    for (const chances of [best, worst, places?.favour ?? []]) assert.ok(Math.abs(chances.reduce((sum, one) => sum + one, 0) - 1) < 1e-9); // prettier-ignore
    assert.equal(order[0], best.indexOf(Math.max(...best)));
    wins.forEach((row, a) => row.forEach((chance, b) => assert.ok(Math.abs(chance + (wins[b]?.[a] ?? NaN) - 1) < 1e-9))); // prettier-ignore
  }
  // What is asked of pictures that are the same is answered by the place alone, and all of it is taken out.
  const same = await compare(model, [pictures[0] ?? "", pictures[0] ?? ""], { ask });
  same.best.forEach((chance) => assert.ok(Math.abs(chance - 0.5) < 1e-5, `${chance}`));
  assert.ok(Math.abs((same.places?.favour[0] ?? 0.5) - 0.5) > 1e-4, "a model of random weights has a favourite place");
  for (const wrong of ["", "<image> which?"])
    await assert.rejects(compare(model, pictures, { ask: wrong }), (error) => isRocError(error) && error.code === "USAGE"); // prettier-ignore
  const alone = { score: (inputs: string[]) => model.score(inputs) } as Parameters<typeof compare>[0];
  await assert.rejects(compare(alone, pictures, { ask }), /writes no answers/);
});

test("a set is one sample: the same scene's pictures in a drawn order, sometimes one alone; pairs are of one set", async () => {
  const { parts } = await reopen(trained);
  const { model, processor } = parts;
  try {
    const sets = setsOf(samples);
    assert.equal(sets.reduce((sum, { others }) => sum + others.length + 1, 0), samples.length); // prettier-ignore
    const { decodeImage } = await import("../../src/image/index.js");
    const { image: file } = samples[0] as Sample;
    const image = await processor.prepare(await decodeImage(file));
    const weights = { ...LOSS_PRESETS.paper, thurstone: 1 };
    const objective = strategyObjective(parts, { scale: { min: 1, max: 10 } }, weights);
    const of = (seed: number) =>
      sets.slice(0, 2).map(({ others, ...sample }) => ({
        ...{ sample, image, random: new Random(seed, "test") },
        others: others.slice(0, 2).map((other) => ({ sample: other, image })),
      }));
    const counts = Array.from({ length: 40 }, (_, seed) => objective.counts?.(of(seed)));
    const whole = 2 + sets.slice(0, 2).reduce((sum, { others }) => sum + Math.min(2, others.length), 0);
    const pairs = sets.slice(0, 2).map(({ others }) => Math.min(2, others.length) + 1).reduce((sum, n) => sum + (n * (n - 1)) / 2, 0); // prettier-ignore
    assert.ok(counts.some((count) => count?.score === whole && count.pairs === pairs), "whole sets, with no pair between them"); // prettier-ignore
    assert.ok(
      counts.some((count) => count?.score === 2 && count.pairs === 0),
      "single pictures",
    );
  } finally {
    model.dispose();
  }
});

test("nothing to compare, and answers with more than the score, are refused", async () => {
  const plain = { samples: samples.map(({ set: _, ...sample }) => sample), scale: { min: 1, max: 10 }, name: "plain", missing: [], notes: [] }; // prettier-ignore
  const spec = specOf("none", { data: { dataset: plain, validation: 0 } as never });
  await assert.rejects(trainModel(spec, { env: {} }), /needs sets of two pictures or more/);
  const templates = { prompts: ["<image>\nRate."], answers: ["{overall}, light {Light}."] };
  await assert.rejects(trainModel(specOf("wrong", { templates }), { env: {} }), /one score a picture/);
});
