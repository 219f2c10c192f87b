/** Accuracy, distances of distributions, the logistic fit, intervals, parts and coverage against scipy and numpy. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import {
  allRows,
  bootstrapInterval,
  comparisonOf,
  intervalOf,
  ofMean,
  ofPairs,
  pairedBootstrap,
  resample,
  within,
  type Interval,
  type Statistic,
} from "../../src/metrics/bootstrap.js";
import { breakdown, partsByGroup, partsByQuantile } from "../../src/metrics/breakdown.js";
import { coverageOf, discreteRange, normalRange, voteCoverageOf } from "../../src/metrics/calibration.js";
import { emd, kl } from "../../src/metrics/distributions.js";
import { fitLogistic, logisticAt, plccFitted } from "../../src/metrics/logistic.js";
import { accuracy, krcc, mae, plcc, rmse, srcc } from "../../src/metrics/scores.js";
import { normalCdf, normalQuantile, quantile, sorted } from "../../src/metrics/statistics.js";
import { fixture } from "../support.js";

const numbers = z.array(z.number());
const table = z.array(numbers);
const pair = { predicted: numbers, truth: numbers };
const interval = { value: z.number(), method: z.enum(["percentile", "BCa"]), level: z.number(), low: z.number() };
const expected = z
  .object({
    normal: z.object({ cdf: table, quantile: table }),
    accuracy: z.array(z.object({ ...pair, threshold: z.number(), accuracy: z.number() })),
    distributions: z.array(
      z.object({ ...pair, name: z.string(), emd1: z.number(), emd2: z.number(), kl: z.number().nullable() }),
    ),
    logistic: z.array(z.object({ ...pair, name: z.string(), plcc: z.number() })),
    bootstrap: z.object({
      first: numbers,
      second: numbers,
      truth: numbers,
      rows: table,
      intervals: z.array(z.object({ ...interval, high: z.number(), statistic: z.enum(["mean", "plcc", "srcc"]) })),
      paired: z.object({ ...interval, high: z.number(), p: z.number() }),
    }),
    quantiles: z.array(z.object({ truth: numbers, count: z.number(), edges: numbers, rows: table })),
    calibration: z.object({
      ...{ mean: numbers, std: numbers, truth: numbers, weights: table, votes: table, values: numbers },
      ...{ levels: numbers, normal: numbers, discrete: numbers, voted: numbers },
    }),
  })
  .parse(JSON.parse(readFileSync(fixture("metrics/eval.json"), "utf8")));

function close(actual: number | null | undefined, wanted: number, tolerance = 1e-9, what = ""): void {
  const error = typeof actual === "number" ? Math.abs(actual - wanted) : NaN;
  assert.ok(error <= tolerance, `${what} ${actual} instead of ${wanted}`);
}

const usage = (error: unknown): boolean => isRocError(error) && error.code === "USAGE";

test("the normal distribution is scipy's, far into the tails", () => {
  for (const [x = NaN, p = NaN] of expected.normal.cdf) close(normalCdf(x) / p, 1, 1e-13, `cdf ${x}:`);
  for (const [p = NaN, x = NaN] of expected.normal.quantile) close(normalQuantile(p), x, 1e-12 * (1 + Math.abs(x)));
  assert.deepEqual([0, 1, -1, 2, NaN].map(normalQuantile), [-Infinity, Infinity, NaN, NaN, NaN]);
});

test("binary accuracy; the threshold itself is above", () => {
  for (const one of expected.accuracy) close(accuracy(one.predicted, one.truth, one.threshold), one.accuracy);
  assert.equal(accuracy([5, 5, 4], [5, 9, 5], 5), 2 / 3);
  assert.equal(accuracy([], [], 5), null);
  assert.throws(() => accuracy([1], [1, 2], 5), usage);
  assert.throws(() => accuracy([1], [1], NaN), usage);
});

test("EMD and KL of distributions and of votes", () => {
  for (const { name, predicted, truth, ...wanted } of expected.distributions) {
    close(emd(predicted, truth, 1), wanted.emd1, 1e-9, `${name}: emd r=1`);
    close(emd(predicted, truth, 2), wanted.emd2, 1e-9, `${name}: emd r=2`);
    if (wanted.kl === null) assert.equal(kl(predicted, truth), null, name);
    else close(kl(predicted, truth), wanted.kl, 1e-9, `${name}: kl`);
  }
  assert.equal(emd([1, 0, 0, 0], [0, 0, 0, 1], 1), 0.75);
});

test("weights that are no distribution are refused", () => {
  for (const weights of [[], [0, 0], [1, -1], [1, NaN], [Infinity, 1]]) {
    const truth = weights.map(() => 1);
    assert.throws(() => emd(weights, truth, 2), usage, String(weights));
    assert.throws(() => kl(truth, weights), usage, String(weights));
  }
  assert.throws(() => emd([1], [1, 1], 2), usage);
  close(emd([1e308, 1e308], [1, 1], 2), 0);
});

test("PLCC after the logistic fit is that of scipy's curve_fit to 1e-6", () => {
  for (const { name, predicted, truth, plcc: wanted } of expected.logistic) {
    close(plccFitted(predicted, truth), wanted, 1e-6, name);
  }
});

test("the logistic fit finds a curve without noise, rising or falling, in any unit", () => {
  for (const [scale, b1, b2] of [
    [1, 9, 2],
    [1e-5, 2, 9],
    [1e7, 80, 5],
  ] as const) {
    const curve = { b1, b2, b3: 5 * scale, b4: 1.5 * scale };
    const x = Array.from({ length: 40 }, (_, i) => (i / 4) * scale);
    const y = x.map((value) => logisticAt(curve, value));
    close(plccFitted(x, y), 1, 1e-9);
    const found = fitLogistic(x, y);
    close(found?.b1, b1, 1e-5);
    close(found?.b2, b2, 1e-5);
    close((found?.b4 ?? NaN) / scale, 1.5, 1e-5);
  }
});

test("the fit beats the plain correlation wherever it is defined", () => {
  const x = Array.from({ length: 60 }, (_, i) => Math.sin(i * 12.9898) * 43758.5453).map((v) => v - Math.floor(v));
  const relations = [
    (v: number) => v,
    (v: number) => v ** 8,
    (v: number) => Math.sqrt(v),
    (v: number) => Number(v > 0.5),
  ];
  for (const relation of relations) {
    const y = x.map((value, i) => relation(value) + 0.05 * Math.cos(i));
    const [plain, fitted] = [plcc(x, y), plccFitted(x, y)];
    assert.ok(fitted !== null && plain !== null && fitted >= plain - 1e-9 && fitted <= 1, `${fitted} after ${plain}`);
  }
});

test("without variation or with too few items there is no fit; a step is fitted", () => {
  assert.equal(plccFitted([], []), null);
  assert.equal(plccFitted([1], [1]), null);
  assert.equal(plccFitted([1, 2, 3], [1, 2, 3]), null);
  assert.equal(plccFitted([2, 2, 2, 2, 2], [1, 2, 3, 4, 5]), null);
  assert.equal(plccFitted([1, 2, 3, 4, 5], [0.1, 0.1, 0.1, 0.1, 0.1]), null);
  close(plccFitted([1, 2, 3, 7, 8, 9], [0, 0, 0, 1, 1, 1]), 1, 1e-6);
  assert.throws(() => plccFitted([1, 2], [1]), usage);
  assert.throws(() => plccFitted([1, NaN], [1, 2]), usage);
});

const { bootstrap } = expected;
const rows = bootstrap.rows.map((one) => Uint32Array.from(one));
const count = bootstrap.truth.length;
const STATISTICS: Readonly<Record<"mean" | "plcc" | "srcc", Statistic>> = {
  mean: ofMean(bootstrap.first),
  plcc: ofPairs(plcc, bootstrap.first, bootstrap.truth),
  srcc: ofPairs(srcc, bootstrap.first, bootstrap.truth),
};

for (const { statistic, method, level, value, low, high } of bootstrap.intervals) {
  test(`${method} interval of the ${statistic} at ${level}: scipy's over the same resamples`, () => {
    const options = { level, method: method === "BCa" ? "bca" : "percentile" } as const;
    const found = intervalOf(STATISTICS[statistic], count, rows, options);
    close(found?.value, value);
    close(found?.low, low, 1e-9, "low");
    close(found?.high, high, 1e-9, "high");
    assert.deepEqual([found?.resamples, found?.undefinedResamples], [rows.length, 0]);
  });
}

test("the paired test: difference, interval and p over the same resamples", () => {
  const of = (values: number[]): Statistic => ofPairs(mae, values, bootstrap.truth);
  const found = comparisonOf(of(bootstrap.first), of(bootstrap.second), count, rows, { level: bootstrap.paired.level });
  for (const name of ["value", "low", "high", "p"] as const) close(found?.[name], bootstrap.paired[name], 1e-9, name);
});

test("the same seed gives the same interval, another seed another", () => {
  const of = (seed: number): Interval | null => bootstrapInterval(STATISTICS.srcc, count, { seed, resamples: 300 });
  assert.deepEqual(of(1), of(1));
  assert.notDeepEqual(of(1), of(2));
  const [first] = resample(4, { seed: 1, resamples: 1 });
  assert.equal(first?.length, 4);
  assert.ok(first?.every((row) => row < 4));
});

test("an interval covers the true mean about as often as it says", () => {
  let covered = 0;
  for (let trial = 0; trial < 200; trial++) {
    const values = [...resample(1000, { seed: trial, resamples: 1 })].flatMap((rows) => [...rows]).slice(0, 30);
    const found = bootstrapInterval(ofMean(values), 30, { seed: trial, resamples: 200, level: 0.9 });
    if (found && found.low <= 499.5 && 499.5 <= found.high) covered++;
  }
  assert.ok(covered >= 165 && covered <= 195, `${covered} of 200 at a level of 0.9`);
});

test("equal systems do not differ, far ones do", () => {
  const truth = Array.from({ length: 50 }, (_, i) => i % 10);
  const near = ofPairs(
    mae,
    truth.map((value, i) => value + (i % 3) / 10),
    truth,
  );
  const far = ofPairs(
    mae,
    truth.map((value, i) => value + 1 + (i % 5)),
    truth,
  );
  const same = pairedBootstrap(far, far, 50, { seed: 0, resamples: 500 });
  assert.deepEqual([same?.value, same?.low, same?.high, same?.p], [0, 0, 0, 1]);
  const differ = pairedBootstrap(near, far, 50, { seed: 0, resamples: 500 });
  assert.ok(differ && differ.high < 0);
  close(differ.p, 2 / 501);
});

test("what has no figure has no interval; resamples without one are counted", () => {
  const options = { seed: 0, resamples: 400 };
  assert.equal(bootstrapInterval(ofMean([]), 0, options), null);
  assert.equal(bootstrapInterval(ofPairs(srcc, [1], [2]), 1, options), null);
  assert.equal(bootstrapInterval(ofPairs(srcc, [1, 1, 1], [1, 2, 3]), 3, options), null);
  const few = bootstrapInterval(ofPairs(srcc, [1, 2, 3], [1, 3, 2]), 3, options);
  assert.ok(few && few.undefinedResamples > 0 && few.resamples + few.undefinedResamples === 400);
  const one = bootstrapInterval(ofMean([7]), 1, options);
  assert.deepEqual([one?.low, one?.value, one?.high], [7, 7, 7]);
  assert.equal(bootstrapInterval(ofMean([7, 7]), 2, { ...options, method: "bca" }), null);
  assert.throws(() => bootstrapInterval(ofMean([1, 2]), 2, { ...options, level: 95 }), usage);
  assert.throws(() => bootstrapInterval(ofMean([1, 2]), 2, { ...options, resamples: 0 }), usage);
});

test("parts by group: sorted by name, items without a key in none", () => {
  const themes = ["sky", "people", undefined, "sky", "__proto__"];
  const parts = partsByGroup(themes);
  assert.deepEqual(
    parts.map(({ name, rows }) => [name, ...rows]),
    [
      ["__proto__", 4],
      ["people", 1],
      ["sky", 0, 3],
    ],
  );
  const truth = [1, 2, 3, 4, 5];
  const figures = breakdown(parts, { mae: ofPairs(mae, [2, 2, 2, 2, 2], truth), mean: ofMean(truth) });
  assert.deepEqual(figures[2], { name: "sky", count: 2, figures: { mae: 1.5, mean: 2.5 } });
  assert.deepEqual(figures[1], { name: "people", count: 1, figures: { mae: 0, mean: 2 } });
  const [alone] = breakdown(parts, { srcc: ofPairs(srcc, truth, truth) });
  assert.deepEqual(alone, { name: "__proto__", count: 1, figures: { srcc: null } });
  assert.deepEqual(partsByGroup([]), []);
});

test("parts by quantiles of the truth are numpy's", () => {
  for (const { truth, count, edges, rows } of expected.quantiles) {
    const parts = partsByQuantile(truth, count);
    assert.deepEqual(
      parts.map((part) => [...part.rows]),
      rows,
    );
    parts.forEach(({ low, high }, k) => {
      close(low, edges[k] ?? NaN);
      close(high, edges[k + 1] ?? NaN);
    });
  }
  assert.deepEqual(partsByQuantile([], 3), []);
  assert.throws(() => partsByQuantile([1, 2], 0), usage);
  assert.throws(() => partsByQuantile([1, NaN], 2), usage);
});

test("an interval of a part alone", () => {
  const part = Uint32Array.of(2, 3);
  const found = bootstrapInterval(within(ofMean([100, 100, 1, 3]), part), part.length, { seed: 0, resamples: 50 });
  assert.deepEqual([found?.value, found?.low, found?.high], [2, 1, 3]);
});

test("coverage of normal and discrete intervals, of ratings and of votes", () => {
  const { mean, std, truth, weights, votes, values, levels, ...wanted } = expected.calibration;
  const normal = coverageOf((i, level) => normalRange(mean[i] ?? NaN, std[i] ?? NaN, level), truth, levels);
  const range = (i: number, level: number): readonly [number, number] => discreteRange(values, weights[i] ?? [], level);
  const discrete = coverageOf(range, truth, levels);
  const voted = voteCoverageOf(range, values, votes, levels);
  for (const [k, level] of levels.entries()) {
    assert.deepEqual(
      [normal, discrete, voted].map((all) => all[k]?.level),
      [level, level, level],
    );
    close(normal[k]?.coverage, wanted.normal[k] ?? NaN);
    close(discrete[k]?.coverage, wanted.discrete[k] ?? NaN);
    close(voted[k]?.coverage, wanted.voted[k] ?? NaN);
  }
});

test("ends of intervals: a point, whole weights, sums that round", () => {
  assert.deepEqual(normalRange(5, 0, 0.9), [5, 5]);
  assert.deepEqual(discreteRange([1, 2, 3], [0, 1, 0], 0.99), [2, 2]);
  // 0.7 + 0.1 falls a little short of 0.8, the upper end of 0.6.
  assert.deepEqual(discreteRange([1, 2, 3], [0.7, 0.1, 0.2], 0.6), [1, 2]);
  assert.deepEqual(discreteRange([1, 2, 3, 4], [1, 1, 1, 1], 0.5), [1, 3]);
  assert.deepEqual(
    coverageOf(() => [0, 1], [], [0.5]),
    [{ level: 0.5, coverage: null }],
  );
  assert.throws(() => normalRange(5, -1, 0.9), usage);
  assert.throws(() => normalRange(5, 1, 1), usage);
  assert.throws(() => discreteRange([1, 2], [1], 0.5), usage);
});

test("quantiles are linear between neighbours", () => {
  const rising = sorted([3, 1, 2]);
  assert.deepEqual(
    [0, 0.25, 0.5, 1].map((p) => quantile(rising, p)),
    [1, 1.5, 2, 3],
  );
  assert.ok(Number.isNaN(quantile(new Float64Array(), 0.5)));
});

test("sums that pass the range of doubles leave no figure, never NaN", () => {
  const huge = [1e308, -1e308, 1.7e308];
  for (const metric of [srcc, plcc, krcc, mae, rmse]) {
    const value = metric(huge, [-1e308, 1e308, -1.7e308]);
    assert.ok(value === null || Number.isFinite(value), `${metric.name}: ${value}`);
  }
});

test("a hundred thousand items take seconds at most", () => {
  const n = 100_000;
  const x = Float64Array.from({ length: n }, (_, i) => ((i * 7919) % 1000) / 100);
  const y = x.map((value, i) => value + ((i * 104729) % 500) / 100);
  const start = performance.now();
  for (const metric of [srcc, plcc, krcc, mae, rmse, plccFitted]) assert.ok(metric(x, y) !== null);
  assert.equal(
    allRows(n).length,
    partsByQuantile(y, 10).reduce((sum, part) => sum + part.rows.length, 0),
  );
  assert.ok(performance.now() - start < 20_000);
});
