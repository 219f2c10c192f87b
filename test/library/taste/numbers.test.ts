/** The numbers of a taste: against numpy, and against what they have to be by themselves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../../src/random.js";
import { cholesky, dot, gram, inverse, logDeterminant, part, solve, times } from "../../../src/metrics/algebra.js";
import { gainOfPairs, gainOfStars, partsOf } from "../../../src/library/taste/gain.js";
import { headOf, inUnitsOf, MomentsSum, standardised, tasteOf } from "../../../src/library/taste/head.js";
import { learnStars, valuesOf } from "../../../src/library/taste/learn.js";
import { fitPairs, laplace, type Preference } from "../../../src/library/taste/pairs.js";
import { evidenceShares } from "../../../src/library/taste/prior.js";
import { StarFit } from "../../../src/library/taste/stars.js";
import { trialsOf, type Moments2 } from "../../../src/library/taste/trials.js";
import { readFileSync } from "node:fs";
import { fixture } from "../../support.js";

interface Reference {
  readonly vectors: number[][];
  readonly base: number[];
  readonly stars: number[];
  readonly newVectors: number[][];
  readonly newBase: number[];
  readonly predicted: number[];
  readonly folds: number[][];
  readonly held: number[][];
  readonly pairs: Preference[];
  readonly strength: number;
  readonly differences: number[];
  readonly evidence: number;
  readonly slope: number;
}

const reference = JSON.parse(readFileSync(fixture("taste/taste.json"), "utf8")) as Reference;
const rows = reference.vectors.map((vector) => Float64Array.from(vector));
const examples = { products: gram(rows), base: Float64Array.from(reference.base) };

/** Condition numbers are below 1e4, doubles have 16 digits. */
const CLOSE = 1e-9;

function near(found: ArrayLike<number>, wanted: ArrayLike<number>, bound = CLOSE): void {
  assert.equal(found.length, wanted.length);
  for (let i = 0; i < wanted.length; i++) {
    const off = Math.abs((found[i] as number) - (wanted[i] as number));
    assert.ok(off <= bound, `${i}: ${found[i]}, wanted ${wanted[i]}`);
  }
}

test("a matrix by its Cholesky factor: solution, inverse, determinant, parts", () => {
  // [[4, 2], [2, 5]]: determinant 16, inverse [[5, -2], [-2, 4]] / 16.
  const a = Float64Array.of(4, 2, 2, 5);
  const factor = cholesky(a, 2);
  near(inverse(factor, 2), [5 / 16, -2 / 16, -2 / 16, 4 / 16], 1e-15);
  near([logDeterminant(factor, 2)], [Math.log(16)], 1e-15);
  near(solve(factor, Float64Array.of(8, 9)), [22 / 16, 20 / 16], 1e-14);
  near(times(a, Float64Array.of(1, -1)), [2, -3], 0);
  assert.deepEqual([...part(a, 2, [1])], [5]);
  assert.throws(() => cholesky(Float64Array.of(1, 2, 2, 1), 2), /not positive definite/);
});

test("stars: predictions and held-out ratings are those of numpy's ridge, refitted without each fold", () => {
  const model = new StarFit(examples, Float64Array.from(reference.stars));
  const fit = model.fit();
  const found = reference.newVectors.map((vector, i) => {
    const products = rows.map((row) => dot(row, Float64Array.from(vector)) / row.length);
    return fit.constant + fit.slope * (reference.newBase[i] as number) + dot(Float64Array.from(products), fit.shares);
  });
  near(found, reference.predicted);
  reference.folds.forEach((fold, i) => near(model.heldOut(fold).values, reference.held[i] as number[]));
});

test("one strength, two ratings: ridge by hand", () => {
  // Vectors 1 and -1, base 0, stars 4 and 2, strength 1: the residuals 1 and -1 are along the vectors, whose kernel has the
  // eigenvalue 2 there: 2 / (2 + 1) of them are learned.
  const two = { products: gram([Float64Array.of(1), Float64Array.of(-1)]), base: new Float64Array(2) };
  const model = new StarFit(two, Float64Array.of(4, 2), [1]);
  near(valuesOf(model.fit(), two), [3 + 2 / 3, 3 - 2 / 3], 1e-12);
});

test("pairs: the mode and its evidence are the float64 optimum, wherever the answers lead", () => {
  const differences = {
    products: gram(reference.pairs.map(([a, b]) => (rows[a] as Float64Array).map((value, i) => value - ((rows[b] as Float64Array)[i] as number)))), // prettier-ignore
    base: Float64Array.from(reference.pairs, ([a, b]) => (reference.base[a] as number) - (reference.base[b] as number)),
  };
  const mode = laplace(differences, reference.strength);
  near(mode.values, reference.differences, 1e-6);
  near([mode.evidence], [reference.evidence], 1e-6);
  const fit = fitPairs(examples, reference.pairs, [reference.strength]);
  near([fit.slope], [reference.slope], 1e-6);
  const values = valuesOf(fit, examples);
  near(reference.pairs.map(([a, b]) => (values[a] as number) - (values[b] as number)), reference.differences, 1e-6); // prettier-ignore
  // The same answer a hundred times, and its opposite: nothing overflows.
  const often = Array.from({ length: 100 }, (): Preference => [0, 1]);
  const sure = valuesOf(fitPairs(examples, often), examples);
  assert.ok((sure[0] as number) - (sure[1] as number) > 1.5);
  assert.ok(valuesOf(fitPairs(examples, [...often, ...often.map(([a, b]): Preference => [b, a])]), examples).every(Number.isFinite)); // prettier-ignore
});

test("no answer leaves the base; evidence is shared without overflow", () => {
  const fit = fitPairs(examples, []);
  near([fit.slope, ...fit.shares], [0.5, ...examples.base.map(() => 0)], 0);
  near(evidenceShares([-1e5, -1e5 + Math.log(3)]), [0.25, 0.75], 1e-12);
});

test("a head says of plain vectors what was learned of standardised ones, and then in the base's units", () => {
  const [vectors, scores] = [new MomentsSum(6), new MomentsSum(1)];
  const plain = reference.vectors.map((vector) => [...vector.map((value) => 3 * value + 100), 7]);
  const base = reference.base.map((value) => 5 + 0.5 * value);
  plain.forEach((vector) => vectors.add(vector));
  base.forEach((score) => scores.add([score]));
  const moments = { vectors: vectors.moments(), scores: scores.moments() };
  assert.equal(moments.vectors.spread[5], 0);
  const standard = plain.map((vector) => standardised(vector, moments.vectors));
  const inside = {
    products: gram(standard),
    base: Float64Array.from(base, (score) => standardised([score], moments.scores)[0] as number),
  };
  const fit = new StarFit(inside, Float64Array.from(reference.stars)).fit();
  const head = headOf(fit, standard, moments.vectors, moments.scores);
  const said = plain.map((vector, i) => tasteOf(head, base[i] as number, vector));
  near(said, valuesOf(fit, inside));
  const own = new MomentsSum(1);
  said.forEach((value) => own.add([value]));
  const shown = inUnitsOf(head, own.moments(), moments.scores);
  const after = new MomentsSum(1);
  plain.forEach((vector, i) => after.add([tasteOf(shown, base[i] as number, vector)]));
  near([after.moments().mean[0] ?? NaN, after.moments().spread[0] ?? NaN], [moments.scores.mean[0] ?? NaN, moments.scores.spread[0] ?? NaN]); // prettier-ignore
});

test("photos of one moment are held out together, each once in every round", () => {
  const groups = [1, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8];
  const parts = [...partsOf(groups)];
  for (const rows of parts) {
    for (const row of rows) assert.ok(groups.every((group, other) => group !== groups[row] || rows.includes(other)));
  }
  assert.deepEqual(parts.slice(0, 5).flat().sort((a, b) => a - b), [...groups.keys()]); // prettier-ignore
});

test("the constant that a part is predicted with is that of the others, by their covariance", () => {
  const model = new StarFit(examples, Float64Array.from(reference.stars), [1]);
  const [held = []] = reference.folds;
  const others = reference.stars.map((_, i) => i).filter((i) => !held.includes(i));
  const n = reference.stars.length;
  const mean = reference.stars.reduce((sum, star) => sum + star, 0) / n;
  const spread = Math.sqrt(reference.stars.reduce((sum, star) => sum + (star - mean) ** 2, 0) / n);
  // 100 of the constant, the slope's, the vectors' and the noise's.
  const covariance = others.flatMap(
    (i) =>
    others.map((j) => 100 + (examples.base[i] as number) * (examples.base[j] as number) + (examples.products[i * n + j] as number) + Number(i === j)), // prettier-ignore
  );
  const residuals = others.map((i) => (reference.stars[i] as number) - mean - 0.5 * spread * (examples.base[i] as number)); // prettier-ignore
  const dual = solve(cholesky(Float64Array.from(covariance), others.length), Float64Array.from(residuals));
  near([model.heldOut(held).constant], [mean + 100 * dual.reduce((sum, one) => sum + one, 0)], 1e-8);
});

test("answers are held out once each, with both their photos unseen, whether they share photos or not", () => {
  const chained = Array.from({ length: 60 }, (_, i): Moments2 => [i % 20, (i * 7 + 3 + Math.floor(i / 20)) % 20]);
  const apart = Array.from({ length: 60 }, (_, i): Moments2 => [2 * i, 2 * i + 1]);
  for (const answers of [chained, apart]) {
    const trials = [...trialsOf(answers)];
    assert.deepEqual(trials.flatMap(({ held }) => held).sort((a, b) => a - b), [...answers.keys()]); // prettier-ignore
    for (const { held, learned } of trials) {
      const seen = new Set(learned.flatMap((at) => answers[at] as Moments2));
      assert.ok(held.every((at) => (answers[at] as Moments2).every((moment) => !seen.has(moment))));
    }
  }
  // Nothing is lost of answers that share nothing.
  assert.ok([...trialsOf(apart)].every(({ held, learned }) => held.length + learned.length === apart.length));
});

test("a gain of answers that share photos is as sure as of so many photos, by hand", () => {
  const gainOf = (moments: Moments2[]): number => {
    const { accuracy } = gainOfPairs({ moments, base: [-1, -1, 1, 1], predicted: [1, 1, 1, -1] });
    assert.equal(accuracy.gain.value, 0.25);
    return (accuracy.gain.high - accuracy.gain.low) / 2 / 1.96;
  };
  // Differences of 1, 1, 0 and -1; less their mean 3/4, 3/4, -1/4 and -5/4.
  const own = (9 + 9 + 1 + 25) / 16;
  near([gainOf([[0, 1], [2, 3], [4, 5], [6, 7]])], [Math.sqrt(own / 12)], 1e-12); // prettier-ignore
  near([gainOf([[0, 1], [0, 3], [4, 5], [6, 7]])], [Math.sqrt((own + (2 * 9) / 16) / 12)], 1e-12); // prettier-ignore
});

test("a gain is that of the figures, with an interval that tells luck from taste", () => {
  const stars = Array.from({ length: 60 }, (_, i) => 1 + (i % 5));
  const random = new Random("noise");
  const noise = stars.map(() => random.gaussian());
  const groups = [...stars.keys()];
  const gain = gainOfStars(stars, { groups, base: noise, predicted: stars });
  near([gain.srcc?.taste ?? NaN], [1]);
  assert.equal(gain.accuracy.taste, 1);
  assert.ok((gain.srcc?.gain.low ?? 0) > 0.5);
  const none = gainOfStars(stars, { groups, base: noise, predicted: noise.toReversed() });
  assert.ok((none.srcc?.gain.low ?? NaN) < 0 && (none.srcc?.gain.high ?? NaN) > 0);
  const pairs = gainOfPairs({
    moments: [
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 7],
    ],
    base: [1, -1, 0, -2],
    predicted: [1, 1, 1, -1],
  });
  assert.deepEqual([pairs.srcc, pairs.accuracy.base, pairs.accuracy.taste], [null, 0.375, 0.75]);
});

test("a taste along a direction of the vectors is found; ratings at random promise nothing that holds", () => {
  const random = new Random("directions");
  const vectors = Array.from({ length: 60 }, () => Float64Array.from({ length: 8 }, () => random.gaussian()));
  const scores = vectors.map(() => random.gaussian());
  const [ofVectors, ofScores] = [new MomentsSum(8), new MomentsSum(1)];
  vectors.forEach((vector) => ofVectors.add(vector));
  scores.forEach((score) => ofScores.add([score]));
  const material = { vectors, scores, groups: [...vectors.keys()], moments: { vectors: ofVectors.moments(), scores: ofScores.moments() } }; // prettier-ignore
  const stars = vectors.map((vector) => Math.min(5, Math.max(1, Math.round(3 + 1.3 * (vector[2] as number)))));
  const { gain, head } = learnStars(material, stars);
  assert.ok((gain.srcc?.taste ?? 0) > 0.9 && (gain.srcc?.gain.low ?? 0) > 0);
  const largest = head.weights.indexOf(Math.max(...head.weights));
  assert.equal(largest, 2);
  const atRandom = learnStars(material, vectors.map(() => 1 + random.int(5))); // prettier-ignore
  assert.ok((atRandom.gain.srcc?.gain.low ?? 1) <= 0);
});
