import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchOrder } from "../../src/data/index.js";
import { Random } from "../../src/random.js";
import { LengthOrder } from "../../src/train/data/length-order.js";

const SIZE = 1003;
const random = new Random("lengths");
const lengths = Array.from({ length: SIZE }, () => random.int(200));
const settings = { size: SIZE, batchSize: 4, seed: 3 };
const order = new LengthOrder({ ...settings, lengths });

function epochOf(
  of: { at(step: number): { indices: readonly number[] }; batchesPerEpoch: number },
  epoch: number,
): number[][] {
  return Array.from({ length: of.batchesPerEpoch }, (_, i) => [...of.at(epoch * of.batchesPerEpoch + i).indices]);
}

/** Padding: what the batches' longest samples are longer than the others, in total. */
function padding(batches: readonly number[][]): number {
  const spans = batches.map((batch) => Math.max(...batch.map((index) => lengths[index] ?? 0)) * batch.length);
  const real = lengths.reduce((sum, length) => sum + length, 0);
  return 1 - real / spans.reduce((sum, span) => sum + span, 0);
}

test("an epoch has every sample once, in batches of like length in no order of length", () => {
  const batches = epochOf(order, 0);
  assert.deepEqual(
    batches.flat().sort((a, b) => a - b),
    Array.from({ length: SIZE }, (_, i) => i),
  );
  assert.ok(padding(batches) < 0.05 && padding(epochOf(new BatchOrder(settings), 0)) > 0.25);
  const firsts = batches.map(([first = 0]) => lengths[first] ?? 0);
  const falls = firsts.filter((length, i) => length < (firsts[i - 1] ?? 0)).length;
  assert.ok(falls > 80 && falls < 170, `${falls} of 250`);
});

test("epochs and seeds differ; a step's batch does not depend on what was asked for before", () => {
  assert.notDeepEqual(epochOf(order, 0), epochOf(order, 1));
  assert.notDeepEqual(epochOf(order, 0), epochOf(new LengthOrder({ ...settings, seed: 4, lengths }), 0));
  const fresh = new LengthOrder({ ...settings, lengths });
  assert.deepEqual(fresh.at(700), order.at(700));
  assert.deepEqual([fresh.at(700).epoch, fresh.at(700).batch], [2, 700 - 2 * 251]);
});
