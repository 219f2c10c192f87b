/** Figures of several runs and paired differences, pooled over pictures and runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../src/random.js";
import { mae, plcc, srcc } from "../../src/metrics/scores.js";
import { setFigures } from "../../src/metrics/sets.js";
import { differences, pooledFigures, type RunPredictions } from "../../src/studies/claims/pooled-figures.js";

const OPTIONS = { seed: 7, resamples: 300 };
const PICTURES = 120;

function ratings(seed: number): number[] {
  const random = new Random("truth", seed);
  return Array.from({ length: PICTURES }, () => 5.5 + 1.3 * random.gaussian());
}

/** Three runs that see the truth through noise. */
function runs(truth: readonly number[], noise: number, name: string): RunPredictions[] {
  return [1, 2, 3].map((seed) => {
    const random = new Random(name, seed);
    return { key: `seed ${seed}`, scores: { score: truth.map((value) => value + noise * random.gaussian()) } };
  });
}

function mean(values: readonly (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? NaN), 0) / values.length;
}

function near(found: number | undefined, expected: number): void {
  assert.ok(Math.abs((found ?? NaN) - expected) < 1e-9, `${found} is not ${expected}`);
}

test("an arm's figures are the means of its runs' own", () => {
  const truth = ratings(1);
  const arm = runs(truth, 0.8, "arm");
  const found = pooledFigures(arm, { score: truth }, ["score"], OPTIONS);
  for (const [name, metric] of Object.entries({ srcc, plcc, mae })) {
    const each = arm.map(({ scores }) => metric(scores["score"] as number[], truth));
    const figure = found[name as "srcc"];
    near(figure?.value, mean(each));
    near(figure?.runs["seed 2"], each[1] ?? NaN);
    assert.ok(figure && figure.low < figure.value && figure.value < figure.high);
  }
  assert.equal(found.ciderD, null);
});

test("several scores: the mean over them, each on its own scale", () => {
  const [first, second] = [ratings(1), ratings(2).map((value) => value / 100)];
  const arm = runs(first, 0.5, "arm").map((run) => ({
    ...run,
    scores: { a: run.scores["score"] as number[], b: second },
  }));
  const found = pooledFigures(arm, { a: first, b: second }, ["a", "b"], OPTIONS);
  near(found.srcc?.value, mean(arm.map(({ scores }) => (1 + (srcc(scores["a"], first) ?? NaN)) / 2)));
});

test("the better of two is found, and the other way round with swapped sides", () => {
  const truth = ratings(1);
  const [good, bad] = [runs(truth, 0.5, "good"), runs(truth, 1.2, "bad")];
  const found = differences(good, bad, { score: truth }, ["score"], OPTIONS);
  const swapped = differences(bad, good, { score: truth }, ["score"], OPTIONS);
  assert.ok(found.srcc && found.srcc.low > 0 && found.srcc.p < 0.05);
  assert.ok(found.mae && found.mae.high < 0);
  for (const name of ["srcc", "plcc", "mae"] as const) {
    near(swapped[name]?.value, -(found[name]?.value ?? NaN));
    near(swapped[name]?.low, -(found[name]?.high ?? NaN));
    near(swapped[name]?.p, found[name]?.p ?? NaN);
  }
  const own = (arm: RunPredictions[], i: number): number => srcc(arm[i]?.scores["score"] as number[], truth) ?? NaN;
  near(found.srcc.runs["seed 3"], own(good, 2) - own(bad, 2));
});

test("a side against itself: no difference at all", () => {
  const truth = ratings(1);
  const arm = runs(truth, 1, "arm");
  const { srcc: found } = differences(arm, arm, { score: truth }, ["score"], OPTIONS);
  assert.deepEqual([found?.value, found?.low, found?.high, found?.p], [0, 0, 0, 1]);
});

test("two sides of the same quality seldom differ significantly", () => {
  const verdicts = Array.from({ length: 40 }, (_, i) => {
    const truth = ratings(100 + i);
    const [a, b] = [runs(truth, 1, `a${i}`), runs(truth, 1, `b${i}`)];
    const { srcc: found } = differences(a, b, { score: truth }, ["score"], { seed: i, resamples: 200 });
    return found !== null && (found.low > 0 || found.high < 0);
  });
  // 5% are to be expected; three runs make a bootstrap a little too sure of itself.
  assert.ok(verdicts.filter(Boolean).length <= 8, `${verdicts.filter(Boolean).length} of 40`);
});

test("a run that is unlike the others widens the interval: runs are drawn, too", () => {
  const truth = ratings(1);
  const [good, bad] = [runs(truth, 0.9, "good"), runs(truth, 1, "bad")];
  const odd = good.map((run, i) => (i === 0 ? { ...run, scores: { score: truth.map((value) => -value) } } : run));
  const width = (arm: RunPredictions[]): number => {
    const { srcc: found } = differences(arm, bad, { score: truth }, ["score"], OPTIONS);
    return (found?.high ?? NaN) - (found?.low ?? NaN);
  };
  assert.ok(width(odd) > 3 * width(good));
});

test("pictures that one side did not understand are left out of both", () => {
  const truth = ratings(1);
  const [a, b] = [runs(truth, 0.5, "a"), runs(truth, 0.9, "b")];
  const gaps = a.map(({ key, scores }) => ({ key, scores: { score: (scores["score"] ?? []).map((value, row) => (row % 3 === 0 ? null : value)) } })); // prettier-ignore
  const { srcc: found } = differences(gaps, b, { score: truth }, ["score"], OPTIONS);
  const kept = truth.flatMap((_, row) => (row % 3 === 0 ? [] : [row]));
  const take = (values: readonly (number | null)[]): number[] => kept.map((row) => values[row] ?? NaN);
  const own = (arm: RunPredictions[]): number => mean(arm.map(({ scores }) => srcc(take(scores["score"] ?? []), take(truth)))); // prettier-ignore
  near(found?.value, own(a) - own(b));
});

test("CIDEr-D is compared on the pictures that both commented", () => {
  const truth = ratings(1);
  const commented = (values: readonly (number | null)[]): RunPredictions[] => [
    { key: "seed 1", scores: { score: truth }, ciderD: truth.map((_, row) => values[row] ?? null) },
  ];
  const found = differences(
    commented([3, 1, null, 2]),
    commented([1, null, 5, 1]),
    { score: truth },
    ["score"],
    OPTIONS,
  );
  near(found.ciderD?.value, (3 + 2) / 2 - (1 + 1) / 2);
});

test("a run that says the same of every picture ranks none of them", () => {
  const truth = ratings(1);
  const arm = runs(truth, 0.5, "arm");
  const same = arm.map(({ key }) => ({ key, scores: { score: truth.map(() => 5) } }));
  const found = differences(arm, same, { score: truth }, ["score"], OPTIONS);
  near(found.srcc?.value, mean(arm.map(({ scores }) => srcc(scores["score"] as number[], truth))));
  assert.ok(found.srcc && found.srcc.low > 0);
});

test("nothing understood: no figure; other runs: refused", () => {
  const truth = ratings(1);
  const arm = runs(truth, 1, "arm");
  const none = arm.map(({ key }) => ({ key, scores: { score: truth.map(() => null) } }));
  assert.equal(pooledFigures(none, { score: truth }, ["score"], OPTIONS).srcc, null);
  assert.equal(differences(arm, none, { score: truth }, ["score"], OPTIONS).srcc, null);
  const other = arm.map((run, i) => ({ ...run, key: `other ${i}` }));
  assert.throws(() => differences(arm, other, { score: truth }, ["score"], OPTIONS), { code: "USAGE" });
});

test("sets: the best and the pairs as setFigures() has them; whole sets are drawn; what was not understood is left out", () => {
  const truth = ratings(1);
  // Of one to four pictures.
  const sets = truth.map((_, row) => String(Math.floor(row / 10) * 10 + [0, 1, 1, 2, 2, 2, 3, 3, 3, 3][row % 10]!));
  const arm = runs(truth, 1, "arm");
  const gaps = arm.map((run) => ({ ...run, scores: { score: run.scores["score"]!.map((one, row) => (row % 7 === 0 ? null : one)) } })); // prettier-ignore
  for (const side of [arm, gaps]) {
    const found = pooledFigures(side, { score: truth }, ["score"], { ...OPTIONS, sets });
    const each = side.map(({ scores }) => {
      const rows = [...truth.keys()].filter((row) => scores["score"]?.[row] !== null);
      const groups = [...new Set(sets)].map((set) => rows.filter((row) => sets[row] === set));
      const rated = groups.map((own) => ({ predicted: own.map((row) => scores["score"]?.[row] ?? NaN), truth: own.map((row) => truth[row] ?? NaN) })); // prettier-ignore
      return setFigures(rated, { seed: 1, resamples: 10 });
    });
    for (const name of ["best", "pairs"] as const) {
      near(found[name]?.value, mean(each.map((figures) => figures[name].interval?.value ?? NaN)));
      assert.ok(found[name] && found[name].low < found[name].value && found[name].value < found[name].high);
    }
  }
  const without = pooledFigures(arm, { score: truth }, ["score"], OPTIONS);
  assert.deepEqual([without.best, without.pairs], [null, null]);
});

test("sets: pictures that have everything in common count as one", () => {
  const truth = ratings(1);
  const [arm, wide] = [runs(truth, 0.8, "arm"), 4];
  const repeated = (values: readonly (number | null)[]) => values.flatMap((one) => new Array<number>(wide).fill(one ?? NaN)); // prettier-ignore
  const copies = arm.map((run) => ({ ...run, scores: { score: repeated(run.scores["score"]!) } }));
  const sets = repeated([...truth.keys()]).map(String);
  const width = (low = NaN, high = NaN): number => high - low;
  const alone = pooledFigures(arm, { score: truth }, ["score"], OPTIONS).mae;
  const together = pooledFigures(copies, { score: repeated(truth) }, ["score"], { ...OPTIONS, sets }).mae;
  const apart = pooledFigures(copies, { score: repeated(truth) }, ["score"], OPTIONS).mae;
  near(width(together?.low, together?.high), width(alone?.low, alone?.high));
  assert.ok(width(apart?.low, apart?.high) < 0.8 * width(alone?.low, alone?.high));
});
