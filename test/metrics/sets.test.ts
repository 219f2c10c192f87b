/** Figures of sets against numpy, and by hand: ties, what is left out, intervals over sets. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import { percentileInterval, resample } from "../../src/metrics/bootstrap.js";
import { compareSets, setFigures, type SetFigures } from "../../src/metrics/sets.js";
import { fixture } from "../support.js";

const numbers = z.array(z.number());
const top = z.object({ value: z.number(), chance: z.number(), count: z.number() });
const reference = z
  .object({
    sets: z.array(z.object({ predicted: numbers, truth: numbers })),
    pairs: z.object({ value: z.number(), count: z.number(), ties: z.number() }),
    best: top,
    worst: top,
  })
  .parse(JSON.parse(readFileSync(fixture("metrics/sets.json"), "utf8")));

const OPTIONS = { seed: 1, resamples: 200 };

function close(actual: number | null | undefined, wanted: number, what: string): void {
  assert.ok(Math.abs((actual ?? NaN) - wanted) <= 1e-12, `${what}: ${actual} instead of ${wanted}`);
}

test("equal to numpy to 1e-12, with ties among ratings and predictions", () => {
  const figures = setFigures(reference.sets, OPTIONS);
  for (const name of ["pairs", "best", "worst"] as const) {
    close(figures[name].interval?.value, reference[name].value, name);
    assert.equal(figures[name].count, reference[name].count, name);
  }
  close(figures.pairs.chance, 0.5, "pairs by chance");
  for (const name of ["best", "worst"] as const) close(figures[name].chance, reference[name].chance, `${name} by chance`); // prettier-ignore
  assert.equal(figures.pairs.ties, reference.pairs.ties);
});

test("by hand: a predicted tie counts half, and of several predicted best their share that is right", () => {
  const { pairs, best, worst, sets, pictures } = setFigures(
    [
      { predicted: [3, 3, 1], truth: [5, 4, 2] },
      { predicted: [9], truth: [1] },
    ],
    OPTIONS,
  );
  assert.deepEqual([sets, pictures, pairs.count], [1, 3, 3]);
  close(pairs.interval?.value, 2.5 / 3, "pairs");
  close(best.interval?.value, 0.5, "best");
  close(worst.interval?.value, 1, "worst");
  close(best.chance, 1 / 3, "by chance");
});

test("intervals are over sets: those of the sets' own shares", () => {
  const sets = [true, false, true, true, false, false].map((right) => ({ predicted: right ? [1, 2] : [2, 1], truth: [1, 2] })); // prettier-ignore
  const found = [1, 0, 1, 1, 0, 0];
  const means = [...resample(6, OPTIONS)].map((rows) => rows.reduce((sum, row) => sum + (found[row] ?? 0), 0) / 6);
  assert.deepEqual(setFigures(sets, OPTIONS).best.interval, percentileInterval(0.5, means));
  // Two pictures of one set are no two sets: a set more than twice as long does not narrow it.
  const { low, high } = setFigures(sets, OPTIONS).pairs.interval ?? { low: NaN, high: NaN };
  assert.ok(high - low > 0.5);
});

test("nothing to tell apart is no figure; what is no number is refused", () => {
  const none: SetFigures = setFigures([{ predicted: [1, 2], truth: [3, 3] }], OPTIONS);
  assert.deepEqual(none.pairs, { interval: null, chance: null, count: 0, ties: 1 });
  assert.deepEqual(none.best, { interval: null, chance: null, count: 0 });
  assert.equal(setFigures([], OPTIONS).sets, 0);
  for (const wrong of [
    { predicted: [1, NaN], truth: [1, 2] },
    { predicted: [1], truth: [1, 2] },
  ])
    assert.throws(() => setFigures([wrong], OPTIONS), isRocError);
});

test("two ways on the same sets: the difference of their shares, each resample with the same sets", () => {
  const sets = (right: readonly number[]) => right.map((one) => ({ predicted: one ? [1, 2] : [2, 1], truth: [1, 2] })); // prettier-ignore
  const [a, b] = [
    [1, 1, 1, 0, 1, 1],
    [1, 0, 0, 0, 1, 0],
  ] as const;
  const { best, worst, pairs } = compareSets(sets(a), sets(b), OPTIONS);
  const gains = a.map((one, i) => one - (b[i] ?? 0));
  const means = [...resample(6, OPTIONS)].map((rows) => rows.reduce((sum, row) => sum + (gains[row] ?? 0), 0) / 6);
  const expected = percentileInterval(0.5, means);
  for (const found of [best, worst, pairs]) {
    close(found?.value, 0.5, "difference");
    close(found?.low, expected?.low ?? NaN, "low");
    close(found?.high, expected?.high ?? NaN, "high");
  }
  const other = [...sets(b).slice(1), { predicted: [1, 2], truth: [2, 3] }];
  for (const wrong of [other, sets(b).slice(1)])
    assert.throws(() => compareSets(sets(a), wrong, OPTIONS), (error) => isRocError(error) && error.code === "USAGE"); // prettier-ignore
});
