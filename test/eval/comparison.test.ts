/** Two systems on the same pictures. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isRocError } from "../../src/errors.js";
import { mae } from "../../src/metrics/scores.js";
import { versus, type Prediction } from "../../src/eval/index.js";

function prediction(id: number, truth: number, score: number | null): Prediction {
  const base = { id: String(id), image: `${id}.jpg`, split: "test", truth: { score: truth } } as const;
  return { ...base, predicted: { score }, std: null, distribution: null };
}

const TRUTH = Array.from({ length: 60 }, (_, i) => 1 + ((i * 7) % 9));
const good = TRUTH.map((truth, i) => prediction(i, truth, truth + Math.sin(i) / 4));
const bad = TRUTH.map((truth, i) => prediction(i, truth, truth + 3 * Math.sin(5 * i)));

test("the better system is found, with the right difference; a system equals itself", () => {
  const { count, leftOut, differences } = versus(good, bad, { seed: 0, resamples: 300 });
  assert.deepEqual([count, leftOut], [60, 0]);
  const error = (rows: readonly Prediction[]) => mae(rows.map(({ predicted }) => predicted["score"] as number), TRUTH) as number; // prettier-ignore
  assert.ok(Math.abs((differences.mae?.value ?? NaN) - (error(good) - error(bad))) < 1e-12);
  assert.ok((differences.srcc?.low ?? NaN) > 0 && (differences.srcc?.p ?? NaN) < 0.02);
  assert.ok((differences.mae?.high ?? NaN) < 0);
  const same = versus(good, good, { seed: 0, resamples: 100 }).differences.srcc;
  assert.deepEqual([same?.value, same?.p], [0, 1]);
});

test("only pictures that both scored count, and the same ratings are asked for", () => {
  const holes = bad.map((row, i) => (i < 5 ? prediction(i, TRUTH[i] as number, null) : row)).slice(0, 50);
  const { count, leftOut } = versus(good, holes, { seed: 0, resamples: 20 });
  assert.deepEqual([count, leftOut], [45, 15]);
  const fails = (error: unknown) => isRocError(error) && error.code === "DATA_INVALID";
  assert.throws(() => versus(good, [], { seed: 0 }), fails);
  assert.throws(() => versus(good, [prediction(0, 9.5, 3)], { seed: 0 }), fails);
  assert.throws(() => versus(good, bad, { seed: 0 }, "light"), fails);
});
