/** What a cascade loses: by hand, by drawing lots, and at its ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { countOfShare, lostBest, thresholdOf } from "../../src/metrics/cascade.js";
import { Random } from "../../src/random.js";

test("shares are counted up, and a tenth of 30 is 3", () => {
  assert.deepEqual([countOfShare(30, 0.1), countOfShare(31, 0.1), countOfShare(5, 0.01), countOfShare(5, 1), countOfShare(0, 0.5)], [3, 4, 1, 5, 0]); // prettier-ignore
  for (const share of [0, -1, 1.1, NaN]) assert.throws(() => countOfShare(5, share), isRocError);
  assert.equal(thresholdOf([5, 1, 4, 4, 2], 0.4), 4);
  assert.equal(thresholdOf([], 0.4), Infinity);
});

test("the best that the first judge does not let through are lost", () => {
  const truth = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  assert.equal(lostBest(truth, truth, 0.2, 0.2), 0);
  assert.equal(lostBest(truth, truth.toReversed(), 0.2, 0.5), 1);
  assert.equal(lostBest(truth, truth.toReversed(), 0.2, 1), 0);
  // Of 10 and 9 the first judge has 9 among its three best.
  assert.equal(lostBest(truth, [9, 1, 1, 1, 1, 1, 1, 8, 7, 0], 0.2, 0.3), 0.5);
  assert.ok(Number.isNaN(lostBest([], [], 0.2, 0.3)));
  assert.throws(() => lostBest([1], [1, 2], 0.5, 0.5), isRocError);
  assert.throws(() => lostBest([1, NaN], [1, 2], 0.5, 0.5), isRocError);
});

test("equals are drawn by lot: the mean over many drawings", () => {
  const random = new Random("cascade");
  const draw = (): number[] => Array.from({ length: 40 }, () => random.int(6));
  const [truth, first] = [draw(), draw()];
  const expected = lostBest(truth, first, 0.25, 0.4);
  const rounds = 4000;
  const drawn = Array.from({ length: rounds }, () => {
    const jittered = (values: readonly number[]) => values.map((value) => value + random.next() / 2);
    return lostBest(jittered(truth), jittered(first), 0.25, 0.4);
  });
  const mean = drawn.reduce((sum, one) => sum + one, 0) / rounds;
  // A share of ten has a standard deviation below 1/2, its mean over the rounds below 0.008: six of these.
  assert.ok(Math.abs(mean - expected) < 0.05, `${mean} drawn, ${expected} computed`);
});

test("a first judge without information loses what it does not keep", () => {
  const truth = Array.from({ length: 20 }, (_, i) => i);
  const lost = lostBest(truth, truth.map(() => 1), 0.1, 0.3); // prettier-ignore
  assert.ok(Math.abs(lost - 0.7) < 1e-12);
});
