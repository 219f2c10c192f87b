import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchOrder, epochOrder, seededPart } from "../src/data/index.js";
import { Random } from "../src/random.js";

test("a stream is a function of its name, and different names give different streams", () => {
  const draw = (...name: (string | number)[]): number[] => {
    const random = new Random(...name);
    return Array.from({ length: 50 }, () => random.next());
  };
  assert.deepEqual(draw(7, 3, "noise"), draw(7, 3, "noise"));
  assert.notDeepEqual(draw(7, 3, "noise"), draw(7, 4, "noise"));
  assert.notDeepEqual(draw(7, 31), draw(73, 1));
});

test("a stream's first numbers stay what they are: committed data sets and figures rest on them", () => {
  const random = new Random("pinned", 1);
  assert.deepEqual([random.int(1e9), random.int(1e9), random.int(1e9)], PINNED);
});
/** From an implementation of sfc32 and of the seeding written apart, in Python. */
const PINNED = [567032644, 610495674, 658734292];

test("uniform and normal numbers have the moments they should", () => {
  const random = new Random("moments");
  const n = 100_000;
  const moments = (draw: () => number): [number, number] => {
    const values = Array.from({ length: n }, draw);
    const mean = values.reduce((a, b) => a + b, 0) / n;
    return [mean, values.reduce((a, b) => a + (b - mean) ** 2, 0) / n];
  };
  const [uniformMean, uniformVariance] = moments(() => random.next());
  assert.ok(Math.abs(uniformMean - 0.5) < 0.005 && Math.abs(uniformVariance - 1 / 12) < 0.002);
  const [mean, variance] = moments(() => random.gaussian(3, 2));
  assert.ok(Math.abs(mean - 3) < 0.03 && Math.abs(variance - 4) < 0.1, `${mean} ${variance}`);
});

test("a seeded part has the exact size, ignores the order of ids and changes with the seed", () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `id${i}`);
  const part = seededPart(ids, 0.2, 1);
  assert.equal(part.size, 200);
  assert.deepEqual(seededPart([...ids].reverse(), 0.2, 1), new Set([...part]));
  const other = [...seededPart(ids, 0.2, 2)].filter((id) => part.has(id)).length;
  assert.ok(other > 10 && other < 90, `${other} of 200 in common, 40 expected`);
  assert.throws(() => seededPart(ids, 1.5, 1), { code: "USAGE" });
});

test("an epoch is a permutation, and epochs differ", () => {
  const first = epochOrder(500, 1, 0);
  assert.deepEqual(
    [...first].sort((a, b) => a - b),
    Array.from({ length: 500 }, (_, i) => i),
  );
  assert.notDeepEqual(first, epochOrder(500, 1, 1));
  assert.deepEqual(first, epochOrder(500, 1, 0));
});

test("batches by step: every sample once an epoch, and a resumed run goes on as the first would have", () => {
  const options = { size: 10, batchSize: 4, seed: 5 };
  const order = new BatchOrder(options);
  assert.equal(order.batchesPerEpoch, 3);
  const steps = Array.from({ length: 6 }, (_, step) => order.at(step));
  assert.deepEqual(
    steps.map(({ epoch, batch, indices }) => [epoch, batch, indices.length]),
    [
      [0, 0, 4],
      [0, 1, 4],
      [0, 2, 2],
      [1, 0, 4],
      [1, 1, 4],
      [1, 2, 2],
    ],
  );
  assert.equal(new Set(steps.slice(0, 3).flatMap(({ indices }) => indices)).size, 10);
  assert.deepEqual(new BatchOrder(options).at(4), steps[4]);
});

test("dropLast leaves out the short batch; a batch larger than the data set is refused then", () => {
  const order = new BatchOrder({ size: 10, batchSize: 4, seed: 5, dropLast: true });
  assert.equal(order.batchesPerEpoch, 2);
  assert.equal(order.at(2).epoch, 1);
  assert.throws(() => new BatchOrder({ size: 3, batchSize: 4, seed: 5, dropLast: true }), { code: "USAGE" });
});
