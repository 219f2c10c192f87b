/** The search on landscapes whose top is known, and what is said of a gain, without a model. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { check, gainOf, VARIATIONS } from "../../src/advice/check.js";
import { searchEdits } from "../../src/advice/search.js";
import { vertex } from "../../src/advice/searches.js";
import type { EditKind, Edits } from "../../src/image/edits/index.js";
import { Random } from "../../src/random.js";

const KINDS: readonly EditKind[] = ["crop", "straighten", "exposure", "contrast", "saturation"];

/** A smooth landscape: best at +1.3 stops and a contrast of 1.6, each on its own. */
function hill({ exposure = 0, contrast = 1, saturation = 1, straighten = 0, crop }: Edits): number {
  const cost = 0.5 * (exposure - 1.3) ** 2 + 2 * Math.log(contrast / 1.6) ** 2 + Math.log(saturation) ** 2;
  return 7 - cost - 0.02 * straighten ** 2 - (crop ? 0.3 : 0);
}

function find(score: (edits: Edits) => number, budget: number, rounds: number[] = []) {
  const scored = (edits: readonly Edits[]): Promise<number[]> => {
    rounds.push(edits.length);
    return Promise.resolve(edits.map(score));
  };
  return searchEdits(scored, { kinds: KINDS, budget, original: score({}), size: { width: 1500, height: 1000 } });
}

test("finds the top of each kind, then of both together, within the budget", async () => {
  const rounds: number[] = [];
  const { single, together, scored } = await find(hill, 59, rounds);
  assert.ok(scored <= 59);
  assert.equal(
    rounds.reduce((sum, count) => sum + count, 0),
    scored,
  );
  assert.ok(rounds.length < 20, "rounds are batches");
  assert.deepEqual(Object.keys(single[0]?.edits ?? {}), ["exposure"]);
  assert.ok(Math.abs((single[0]?.edits.exposure ?? 0) - 1.3) < 0.15);
  assert.deepEqual(Object.keys(together?.edits ?? {}).sort(), ["contrast", "exposure"]);
  assert.ok(Math.abs((together?.edits.exposure ?? 0) - 1.3) < 0.15 && Math.abs((together?.edits.contrast ?? 0) - 1.6) < 0.15); // prettier-ignore
});

test("where nothing is better there is nothing together", async () => {
  const { single, together } = await find((edits) => 5 - Object.keys(edits).length, 59);
  assert.equal(together, undefined);
  assert.ok(single.every(({ score }) => score < 5));
});

test("a crop moves to where it is best", async () => {
  const score = ({ crop }: Edits): number =>
    crop ? 6 - 4 * ((crop.x - 0.8) ** 2 + (crop.y - 0.3) ** 2 + (crop.size - 0.7) ** 2) - Number(crop.aspect !== "original") : 5; // prettier-ignore
  const rounds: number[] = [];
  const { single } = await searchEdits((edits) => (rounds.push(edits.length), Promise.resolve(edits.map(score))), {
    kinds: ["crop"],
    budget: 40,
    original: 5,
    size: { width: 750, height: 1000 },
  });
  const crop = single[0]?.edits.crop;
  assert.ok(crop && Math.abs(crop.x - 0.8) < 0.1 && Math.abs(crop.y - 0.3) < 0.1 && Math.abs(crop.size - 0.7) < 0.07, JSON.stringify(crop)); // prettier-ignore
});

test("a parabola's top", () => {
  const f = (x: number): number => 3 - 2 * (x - 0.4) ** 2;
  const at = (x: number) => ({ at: x, score: f(x) });
  assert.ok(Math.abs(vertex(at(-0.3), at(0.2), at(1)) - 0.4) < 1e-12);
});

// Differences 0.1, 0.2, 0.3, 0.2, 0.1, 0.3: mean 0.2, squares 4 * 0.01, variance 0.008; 2.5706 * sqrt(0.008 * 7 / 6) = 0.24834.
test("a gain's interval is Student's, for one more variation", () => {
  const { value, low, high } = gainOf([0.1, 0.2, 0.3, 0.2, 0.1, 0.3]);
  assert.ok(Math.abs(value - 0.2) < 1e-12 && Math.abs(low + 0.04834) < 1e-4 && Math.abs(high - 0.44834) < 1e-4);
});

test("a gain has to be above its spread, and to matter", () => {
  const scores = (mean: number, unrest: number) =>
    Array.from({ length: VARIATIONS }, (_, i) => ({
      score: mean + unrest * (i % 2 ? 1 : -1),
      std: 1.5,
      distribution: null,
    }));
  const scale = { min: 1, max: 10 };
  assert.equal(check(scores(5, 0), scores(6, 0.1), scale).helps, true);
  assert.equal(check(scores(5, 0), scores(6, 0.6), scale).helps, false, "no more than its spread");
  assert.equal(check(scores(5, 0), scores(5.05, 0.001), scale).helps, false, "too little to matter");
  assert.equal(check(scores(6, 0), scores(5, 0.1), scale).helps, false);
});

test("the best of many noisy scores gains nothing on new ones", async () => {
  const noise = new Random("curse");
  const { single } = await find(() => 5 + noise.gaussian(0, 0.2), 59);
  const searched = single[0]?.score ?? 0;
  assert.ok(searched > 5.2, "what the search took for a gain");
  const fresh = (): { score: number; std: number; distribution: null }[] =>
    Array.from({ length: VARIATIONS }, () => ({ score: 5 + noise.gaussian(0, 0.2), std: 1.5, distribution: null }));
  const judged = Array.from({ length: 200 }, () => check(fresh(), fresh(), { min: 1, max: 10 }));
  assert.ok(judged.filter(({ helps }) => helps).length <= 10, "one in forty would by chance");
});
