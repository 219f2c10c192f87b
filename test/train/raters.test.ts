/** Which ratings a run over raters, or of one rater, trains on; what it refuses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LoadedDataset, Sample } from "../../src/data/index.js";
import { planTraining, type TrainingSpec } from "../../src/index.js";
import { raterOf } from "../../src/train/data/raters.js";
import { dataOf } from "../../src/train/start/raters.js";
import { checkSpec } from "../../src/train/start/spec.js";

/** 120 pictures that A and B rate, 8 of them C; D those of A's that B has not. */
const samples: readonly Sample[] = Array.from({ length: 120 }, (_, i) => ({
  ...({ id: `${i}`, image: `/nowhere/${i}.jpg`, score: (i % 5) / 4, split: i < 100 ? "train" : "validation" } as const),
  ratings: [
    { rater: "A", score: 1 + (i % 5) },
    ...(i % 2 === 0 ? [{ rater: "B", score: 1 + (i % 3) }] : [{ rater: "D", score: 2 }]),
    ...(i < 8 ? [{ rater: "C", score: 5 }] : []),
  ],
}));
const dataset: LoadedDataset = {
  ...{ name: "Persons", scale: { min: 0, max: 1 }, ratingScale: { min: 1, max: 5 }, samples, missing: [], notes: [] },
};

function specOf(data: object, train: object = {}): TrainingSpec {
  return {
    ...{ model: "biaa", tiny: true, data: { dataset, ...data }, out: "runs/none" },
    train: { epochs: 2, batchSize: 16, ...train },
  };
}

test("a run over raters: each rater a task, ratings as they are; those with too few are left out", async () => {
  const warnings: string[] = [];
  const spec = specOf({}, { raters: {} });
  const plan = await planTraining(spec, { onWarning: (text) => warnings.push(text) });
  assert.deepEqual([plan.raters, plan.train, plan.validation], [3, 200, 20]);
  assert.deepEqual([plan.steps, plan.epochs, plan.samplesPerStep], [2 * 3 * 10, 2, 16]);
  assert.deepEqual(plan.outputs?.[0]?.scale, { min: 1, max: 5 });
  assert.ok(warnings.some((text) => /left out, 1 raters with too few pictures for a task, as C/.test(text)));
  const { train, validation } = dataOf(dataset, checkSpec(spec));
  const mine = train.filter((sample) => raterOf(sample) === "A");
  assert.deepEqual(mine.map(({ score }) => score), samples.slice(0, 100).map(({ ratings }) => ratings?.[0]?.score)); // prettier-ignore
  assert.deepEqual(validation.map(({ score }) => score), samples.slice(100).map(({ score }) => 1 + 4 * score)); // prettier-ignore
});

test("nothing is trained on raters apart, nor on what they have rated", () => {
  const { train, notes } = dataOf(dataset, checkSpec(specOf({ apart: ["D"] }, { raters: {} })));
  assert.deepEqual(new Set(train.map(raterOf)), new Set(["A", "B"]));
  assert.ok(train.every(({ id }) => Number(id) % 2 === 0));
  assert.match(notes?.[0] ?? "", /raters apart, whose 50 pictures nothing is trained on: D/);
  const of =
    (data: object): (() => unknown) =>
    () =>
      dataOf(dataset, checkSpec(specOf(data, { raters: {} })));
  assert.throws(of({ apart: 1 }), {
    code: "DATA_INVALID",
    message: /None of 0 raters of Persons .* the 1 raters apart/,
  });
  assert.throws(of({ apart: 2 }), { code: "DATA_INVALID", message: /data\.apart is 2, but 1 raters/ });
  assert.throws(of({ apart: ["E"] }), { code: "DATA_INVALID", message: /nobody is called E; there are 4 raters/ });
});

test("one person: 100 ratings to learn from and the others to validate with, divided by the seed", () => {
  const drawn = [0, 1].map((seed) => dataOf(dataset, checkSpec(specOf({ rater: "A" }, { seed }))));
  for (const { train, validation, scale } of drawn) {
    assert.deepEqual([train.length, validation.length, scale], [100, 20, { min: 1, max: 5 }]);
    assert.equal(new Set([...train, ...validation].map(({ id }) => id)).size, 120);
  }
  assert.notDeepEqual(drawn[0]?.train, drawn[1]?.train);
  const few = dataOf(dataset, checkSpec(specOf({ rater: "C" })));
  assert.deepEqual([few.train.length, few.validation.length], [6, 2]);
  assert.throws(() => dataOf(dataset, checkSpec(specOf({ rater: "E" }))), { message: /--rater\): nobody is called E/ });
});

test("what cannot be a run over raters names the key, the file and the remedy", async () => {
  const unknown = { ...dataset, samples: samples.map(({ ratings: _, ...sample }) => sample) };
  for (const [data, train, key] of [
    [{}, { raters: {} }, "train.raters"],
    [{ rater: "A" }, {}, "data.rater"],
  ] as const) {
    // prettier-ignore
    const spec = checkSpec({ ...specOf({}, train), data: { dataset: unknown, ...data } });
    assert.throws(() => dataOf(unknown, spec), { code: "DATA_INVALID", message: new RegExp(`Persons does not say who.*${key} .*labeled_by_each_worker`) }); // prettier-ignore
  }
  const bad =
    (data: object, train: object): (() => unknown) =>
    () =>
      checkSpec(specOf(data, train));
  assert.throws(bad({ rater: "A" }, { raters: {} }), { code: "CONFIG_INVALID", message: /data\.rater/ });
  assert.throws(bad({}, { raters: {}, accumulation: 2 }), { code: "CONFIG_INVALID", message: /accumulation/ });
  assert.throws(bad({ apart: 2 }, {}), {
    code: "CONFIG_INVALID",
    message: /data\.apart is of a run with train\.raters/,
  });
  await assert.rejects(planTraining(specOf({}, { raters: {} }), { processes: 2 }), {
    code: "USAGE",
    message: /torchrun/,
  });
});
