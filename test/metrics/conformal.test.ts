/** Conformal quantiles against values by hand, coverage against its exact distribution, and what has no finite interval. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { betaQuantile, countedShare } from "../../src/metrics/beta.js";
import {
  calibrated,
  CONFORMAL_METHODS,
  conformalQuantile,
  conformalRange,
  conformalRank,
  fewestFor,
  foldRanges,
  type Labelled,
} from "../../src/metrics/conformal.js";
import { expectedCoverage, intervalFigures } from "../../src/metrics/interval-figures.js";
import { Random } from "../../src/random.js";

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

test("the quantile is the ceil((n + 1) level)-th smallest, by hand", () => {
  const cases = [
    [9, 0.9, 9],
    [10, 0.9, 10],
    [18, 0.9, 18],
    [19, 0.9, 18],
    [99, 0.9, 90],
    [14, 0.8, 12],
    [19, 0.95, 19],
    [1, 0.5, 1],
    [3, 0.5, 2],
    [4, 0.5, 3],
  ] as const;
  for (const [count, level, rank] of cases) {
    assert.equal(conformalRank(count, level), rank, `${count} at ${level}`);
    assert.equal(conformalQuantile(upTo(count).reverse(), level), rank);
  }
});

test("the quantile is infinite where there are too few, and fewestFor() says from when on it is not", () => {
  for (const [level, fewest] of [[0.5, 1], [0.8, 4], [0.9, 9], [0.95, 19], [0.99, 99]] as const) {
    assert.equal(fewestFor(level), fewest);
    assert.ok(Number.isFinite(conformalQuantile(upTo(fewest), level)));
    assert.equal(conformalQuantile(upTo(fewest - 1), level), Infinity);
  } // prettier-ignore
});

test("ties: the quantile is a value that is there, and holds at least the level", () => {
  const scores = [1, 1, 1, 1, 2, 2, 2, 2, 2, 3];
  assert.equal(conformalQuantile(scores, 0.3), 1);
  assert.equal(conformalQuantile(scores, 0.5), 2);
  assert.equal(conformalQuantile(scores, 0.8), 2);
  assert.equal(conformalQuantile(scores, 0.9), 3);
  const rows = Array.from({ length: 9 }, (): Labelled => ({ value: 0.5, std: 0.1, distribution: null, truth: 0.75 }));
  const made = calibrated(rows, { level: 0.9, draws: [] });
  assert.deepEqual(conformalRange({ value: 0.25, std: null, distribution: null }, made), [0, 0.5]);
});

/** Distributions whose central interval is known: all weight on the middle one of three ratings. */
const MIDDLE = [0, 1, 0];

test("intervals by hand: same width, by the spread, by the distribution; within the scale", () => {
  const estimate = { value: 0.5, std: 0.09, distribution: MIDDLE };
  const near = (actual: readonly number[] | null, wanted: readonly number[]): void => {
    assert.ok(actual && actual.every((end, i) => Math.abs(end - (wanted[i] ?? NaN)) < 1e-12), `${actual?.join(" ")}`);
  };
  near(conformalRange(estimate, { level: 0.8, method: "absolute", quantile: 0.2 }), [0.3, 0.7]);
  near(conformalRange(estimate, { level: 0.8, method: "normalised", quantile: 2 }), [0.3, 0.7]);
  // The bin of the middle rating goes from 0.25 to 0.75: its central 80% from 0.3 to 0.7.
  near(conformalRange(estimate, { level: 0.8, method: "quantiles", quantile: 0 }), [0.3, 0.7]);
  near(conformalRange(estimate, { level: 0.8, method: "quantiles", quantile: 0.1 }), [0.2, 0.8]);
  near(conformalRange(estimate, { level: 0.8, method: "quantiles", quantile: -0.3 }), [0.5, 0.5]);
  near(conformalRange({ ...estimate, value: 0.9 }, { level: 0.8, method: "absolute", quantile: 0.2 }), [0.7, 1]);
  near(conformalRange({ ...estimate, value: 1.3 }, { level: 0.8, method: "absolute", quantile: 0.2 }), [1, 1]);
  assert.equal(conformalRange({ ...estimate, std: null }, { level: 0.8, method: "normalised", quantile: 1 }), null);
  assert.equal(conformalRange({ ...estimate, distribution: null }, { level: 0.8, method: "quantiles", quantile: 1 }), null); // prettier-ignore
});

/** Errors from -0.1 to 0.1, evenly: the coverage of an interval of half width q is q / 0.1. */
function drawn(random: Random, count: number): Labelled[] {
  return Array.from({ length: count }, () => {
    const value = random.uniform(0.2, 0.8);
    return { value, std: random.uniform(0.05, 0.2), distribution: MIDDLE, truth: value + random.uniform(-0.1, 0.1) };
  });
}

test("over many calibrations the coverage has the distribution Beta(k, n + 1 - k), whatever the seed", () => {
  for (const [count, level] of [[49, 0.9], [19, 0.8], [9, 0.9]] as const) {
    const runs = 600;
    const [low, high] = expectedCoverage(count, level);
    const coverages = Array.from({ length: runs }, (_, seed) => {
      const rows = drawn(new Random("coverage", count, seed), count);
      return calibrated(rows, { level, method: "absolute", draws: [] }).quantile / 0.1;
    });
    const rank = conformalRank(count, level);
    const mean = coverages.reduce((sum, one) => sum + one, 0) / runs;
    const deviation = Math.sqrt((rank * (count + 1 - rank)) / ((count + 1) ** 2 * (count + 2)));
    assert.ok(Math.abs(mean - rank / (count + 1)) < (4 * deviation) / Math.sqrt(runs), `${count}: mean ${mean}`);
    // 2.5% of 600 are 15, give or take 4 standard deviations of 3.8.
    for (const outside of [coverages.filter((one) => one < low), coverages.filter((one) => one > high)])
      assert.ok(outside.length >= 1 && outside.length <= 30, `${count}: ${outside.length} beyond ${low} to ${high}`);
  } // prettier-ignore
});

test("a choice of the method does not cost coverage: those that choose are not those that calibrate", () => {
  const [runs, count, level, tests] = [120, 120, 0.8, 200];
  let [held, chosen] = [0, 0];
  for (let seed = 0; seed < runs; seed++) {
    const random = new Random("choice", seed);
    const rows = drawn(random, count);
    const made = calibrated(rows, { level, draws: rows.map(() => random.next()) });
    chosen += made.chosenBy;
    assert.equal(made.count + made.chosenBy, count);
    assert.deepEqual(Object.keys(made.widths), CONFORMAL_METHODS);
    const least = Math.min(...Object.values(made.widths).map((width) => width ?? NaN));
    assert.equal(made.widths[made.method], least);
    held += drawn(random, tests).filter((row) => {
      const [low, high] = conformalRange(row, made) ?? [NaN, NaN];
      return low <= row.truth && row.truth <= high;
    }).length;
  }
  assert.equal(chosen, runs * 24);
  const rank = conformalRank(96, level);
  const wanted = rank / 97;
  // The spread of the calibrations and that of the tests.
  const deviation = Math.sqrt((wanted * (1 - wanted)) / 98 / runs + (wanted * (1 - wanted)) / tests / runs);
  const coverage = held / (runs * tests);
  assert.ok(Math.abs(coverage - wanted) < 4 * deviation, `${coverage} instead of ${wanted}, give or take ${deviation}`);
});

test("too few pictures are refused with the number that is needed; few choose no method", () => {
  const rows = drawn(new Random("few"), 9);
  assert.throws(
    () => calibrated(rows.slice(1), { level: 0.9, draws: [] }),
    (error) => isRocError(error) && error.code === "DATA_INVALID" && /holds 90% of the ratings needs 9 pictures.*; there are 8\./.test(error.message), // prettier-ignore
  );
  assert.throws(() => calibrated(rows, { level: 0.99, draws: [] }), /needs 99 pictures/);
  const { method, count, chosenBy, widths } = calibrated(rows, { level: 0.9, draws: rows.map((_, i) => i / 9) });
  assert.deepEqual({ method, count, chosenBy, widths }, { method: "absolute", count: 9, chosenBy: 0, widths: {} });
  const digits = rows.map((row) => ({ ...row, std: null, distribution: null }));
  assert.throws(() => calibrated(digits, { level: 0.5, method: "normalised", draws: [] }), /needs a predicted spread/);
  assert.throws(() => calibrated(digits, { level: 0.5, method: "quantiles", draws: [] }), /needs a predicted distri/);
  for (const level of [0, 1, NaN]) assert.throws(() => conformalRank(10, level), /give a share between 0 and 1/);
});

test("by folds every picture has the interval of the others", () => {
  const rows = drawn(new Random("folds"), 20);
  const ranges = foldRanges(rows, 0.8, "absolute");
  const others = rows.filter((_, i) => i % 5 !== 2).map(({ value, truth }) => Math.abs(truth - value));
  const [low = NaN, high = NaN] = ranges?.[7] ?? [];
  assert.ok(Math.abs((high - low) / 2 - conformalQuantile(others, 0.8)) < 1e-12);
  assert.equal(foldRanges(rows.slice(0, 4), 0.8, "absolute"), null);
});

test("quantiles of the beta distribution and exact shares: closed forms", () => {
  const near = (actual: number, wanted: number): void => assert.ok(Math.abs(actual - wanted) < 1e-12, `${actual} ${wanted}`); // prettier-ignore
  for (const p of [0.025, 0.5, 0.975]) {
    near(betaQuantile(p, 1, 1), p);
    near(betaQuantile(p, 30, 1), p ** (1 / 30));
    near(betaQuantile(p, 1, 3000), 1 - (1 - p) ** (1 / 3000));
    near(betaQuantile(p, 451, 50), 1 - betaQuantile(1 - p, 50, 451));
  }
  near(betaQuantile(0.5, 7, 7), 0.5);
  assert.equal(countedShare(30, 30).high, 1);
  near(countedShare(30, 30).low, 0.025 ** (1 / 30));
  near(countedShare(0, 30).high, 1 - 0.025 ** (1 / 30));
});

test("figures of intervals: what they hold, how wide they are, by fifths of the prediction and by theme", () => {
  const rows = upTo(10).map((i) => ({ low: i - 1, high: i + (i > 5 ? 2 : 1), truth: i % 5 === 0 ? 99 : i, predicted: i, group: i > 5 ? "b" : "a" })); // prettier-ignore
  const found = intervalFigures(rows, 0.9, { min: 0, max: 10 });
  assert.deepEqual([found.count, found.coverage?.value, found.width?.value], [10, 0.8, 2.5]);
  const brief = (parts: typeof found.byTheme) => parts.map(({ name, count, coverage, width }) => [name, count, coverage?.value, width]); // prettier-ignore
  assert.deepEqual(brief(found.byTheme), [["a", 5, 0.8, 2], ["b", 5, 0.8, 3]]); // prettier-ignore
  assert.deepEqual(brief(found.byScore).map(([, count, held]) => [count, held]), [[2, 1], [2, 1], [2, 0.5], [2, 1], [2, 0.5]]); // prettier-ignore
  assert.equal(intervalFigures([], 0.9, { min: 0, max: 10 }).coverage, null);
});
