import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { isRocError } from "../../src/errors.js";
import { krcc, mae, plcc, rmse, srcc } from "../../src/metrics/scores.js";
import { fixture } from "../support.js";

const METRICS = { srcc, plcc, krcc, mae, rmse };
const numbers = z.array(z.number());
const { cases } = z
  .object({
    cases: z.array(
      z.object({
        name: z.string(),
        predicted: numbers,
        truth: numbers,
        srcc: z.number(),
        plcc: z.number(),
        krcc: z.number(),
        mae: z.number(),
        rmse: z.number(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(fixture("metrics/metrics.json"), "utf8")));

for (const one of cases) {
  test(`${one.name}: equal to scipy to 1e-9`, () => {
    for (const name of ["srcc", "plcc", "krcc", "mae", "rmse"] as const) {
      const value = METRICS[name](one.predicted, one.truth);
      assert.ok(value !== null && Math.abs(value - one[name]) <= 1e-9, `${name}: ${value} instead of ${one[name]}`);
    }
  });
}

test("correlations that are not defined are null", () => {
  for (const metric of [srcc, plcc, krcc]) {
    assert.equal(metric([], []), null);
    assert.equal(metric([1], [2]), null);
    assert.equal(metric([3, 3, 3], [1, 2, 3]), null);
    assert.equal(metric([1, 2, 3], [0.1, 0.1, 0.1]), null);
  }
});

test("errors are defined from one value on", () => {
  for (const metric of [mae, rmse]) {
    assert.equal(metric([], []), null);
    assert.equal(metric([1], [3]), 2);
    assert.equal(metric([3, 3], [3, 3]), 0);
  }
});

test("unequal lengths and values that are not finite are refused", () => {
  for (const metric of Object.values(METRICS)) {
    const refused = (error: unknown): boolean => isRocError(error) && error.code === "USAGE";
    assert.throws(() => metric([1, 2], [1]), refused);
    assert.throws(() => metric([1, NaN], [1, 2]), /prediction 1 is NaN/);
    assert.throws(() => metric([1, 2], [Infinity, 2]), /rating 0 is Infinity/);
    assert.throws(() => metric([1, undefined as unknown as number], [1, 2]), refused);
  }
});

test("typed arrays are taken and left as they were", () => {
  const [x, y] = [Float32Array.of(3, 1, 2), Float64Array.of(30, 10, 20)];
  for (const metric of [srcc, plcc, krcc]) assert.ok(Math.abs((metric(x, y) ?? 0) - 1) < 1e-12);
  assert.deepEqual([...x, ...y], [3, 1, 2, 30, 10, 20]);
});

test("Kendall's tau of 200,000 values takes no quadratic time", () => {
  const n = 200_000;
  const x = Float64Array.from({ length: n }, (_, i) => (i * 7919) % n);
  const start = performance.now();
  const falling = x.map((value) => -value);
  assert.ok(Math.abs((krcc(x, x) ?? 0) - 1) < 1e-12);
  assert.ok(Math.abs((krcc(x, falling) ?? 0) + 1) < 1e-12);
  assert.ok(performance.now() - start < 20_000, "a quadratic count would take minutes");
});
