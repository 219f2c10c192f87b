/**
 * The best of a few pictures, by comparison of their predicted distributions of ratings (Thurstone 1927, "A Law of
 * Comparative Judgment": which of two things is preferred depends on both their spreads, not on two means alone).
 *
 * One rating of each picture is drawn from its distribution, independently; the picture with the highest is preferred. Within
 * a step of the scale a rating may be anywhere, so that the same step is a tie that either wins half of the time. Raters who like
 * a scene like all of its pictures: what they share cancels in a comparison, so that real preferences are at least as
 * clear as these.
 */
import { RocError } from "../errors.js";
import { normalised } from "./distributions.js";
import type { Numbers } from "./scores.js";
import { normalCdf } from "./statistics.js";

/**
 * What a comparison needs of a picture's score; a `ScoreResult` has it.
 *
 * @category Scoring
 */
export interface Judged {
  /** Expected rating. */
  readonly score: number;
  /** Standard deviation of the rating; null where the model gives none. */
  readonly std: number | null;
  /** Weights of evenly spaced ratings, ascending; null where the model gives none. */
  readonly distribution: readonly number[] | null;
}

/**
 * Pictures compared with one another. Indices are those of the pictures that were given.
 *
 * @category Scoring
 */
export interface BestOf {
  /** All pictures, best first: by their chance against another one of the set, on average. Equals stay in the order given. */
  readonly order: readonly number[];
  /** Chance of each to be the best of all, in [0, 1]; they sum to 1. */
  readonly best: readonly number[];
  /** Chance of each to be the worst of all, in [0, 1]; they sum to 1. */
  readonly worst: readonly number[];
  /** `wins[a][b]`: chance of picture a to be preferred to b, in [0, 1]; 1/2 on the diagonal. */
  readonly wins: readonly (readonly number[])[];
  /** What the chances were taken from. */
  readonly by: ComparedBy;
}

/**
 * What a comparison goes by: the distributions of ratings; normal distributions where a picture has none; the scores alone where
 * one has no spread either, so that the higher score wins for certain.
 *
 * @category Scoring
 */
export type ComparedBy = "distributions" | "spreads" | "scores";

/** Steps of the scale on which normal distributions are compared. */
const NORMAL_STEPS = 400;
/** How far they reach, in standard deviations. */
const REACH = 6;
/** Of a standard deviation of 0: a share of the range of the scores. */
const SMALLEST = 1e-6;
/** The integrand is a polynomial of one degree per rival: so many points are exact up to 64 pictures, and close beyond. */
const MOST_POINTS = 32;

/**
 * Compares pictures that one model scored, from what it says of their ratings: distributions where all have one, else normal
 * distributions where all have a standard deviation, else the scores themselves.
 *
 * @throws RocError USAGE for no picture, a score that is not finite, distributions of different lengths
 *
 * @example
 * ```ts
 * import { bestOf, DEMO_MODEL, load } from "roc4mllm";
 *
 * using model = await load(DEMO_MODEL);
 * const burst = [await model.scoreOne("a.jpg"), await model.scoreOne("b.jpg")];
 * const { order, best } = bestOf(burst);
 * console.log(order.length, Math.round(100 * best.reduce((sum, chance) => sum + chance, 0))); // 2 100
 * ```
 *
 * @category Scoring
 */
export function bestOf(pictures: readonly Judged[]): BestOf {
  const { ratings, by } = comparable(pictures);
  const wins = ratings.map((a) => ratings.map((b) => (a === b ? 0.5 : preference(a, b))));
  const mean = wins.map((row) => row.reduce((sum, chance) => sum + chance, 0) / row.length);
  const order = [...ratings.keys()].sort((a, b) => (mean[b] ?? 0) - (mean[a] ?? 0) || a - b);
  // The worst is the best of a scale that is turned round.
  const worst = chancesToBeBest(ratings.map((weights) => weights.toReversed()));
  return { order, best: chancesToBeBest(ratings), worst, wins, by };
}

/** Chance that a rating drawn from `a` is above one from `b`, ties halved; both are weights of the same ratings, of sum 1. */
function preference(a: Numbers, b: Numbers): number {
  let [chance, below] = [0, 0];
  for (let k = 0; k < a.length; k++) {
    const weight = b[k] ?? 0;
    chance += (a[k] ?? 0) * (below + weight / 2);
    below += weight;
  }
  return chance;
}

/**
 * Chance of each to have the highest rating: the sum over the steps k of `p_i(k) ∫ Π_(j≠i) (F_j(k-1) + t p_j(k)) dt`, t from 0
 * to 1, where F_j is the share of the ratings below the step.
 */
function chancesToBeBest(ratings: readonly Float64Array[]): number[] {
  const points = legendre(Math.min(MOST_POINTS, Math.ceil(ratings.length / 2)));
  const chances = ratings.map(() => 0);
  const below = ratings.map(() => 0);
  const steps = ratings[0]?.length ?? 0;
  for (let k = 0; k < steps; k++) {
    const here = ratings.map((weights) => weights[k] ?? 0);
    for (const { at, weight } of points) {
      const shares = here.map((p, j) => (below[j] ?? 0) + at * p);
      productsOfOthers(shares).forEach((product, i) => {
        chances[i] = (chances[i] ?? 0) + weight * (here[i] ?? 0) * product;
      });
    }
    here.forEach((p, j) => (below[j] = (below[j] ?? 0) + p));
  }
  const sum = chances.reduce((total, chance) => total + chance, 0);
  return chances.map((chance) => chance / sum);
}

/** The product of all values but one, for each: from both ends, since a value may be 0. */
function productsOfOthers(values: readonly number[]): number[] {
  const products = values.map(() => 1);
  for (let i = 0, left = 1; i < values.length; i++) {
    products[i] = left;
    left *= values[i] ?? 1;
  }
  for (let i = values.length - 1, right = 1; i >= 0; i--) {
    products[i] = (products[i] ?? 1) * right;
    right *= values[i] ?? 1;
  }
  return products;
}

/** Gauss and Legendre's points and weights for an integral from 0 to 1. */
function legendre(count: number): { at: number; weight: number }[] {
  return Array.from({ length: count }, (_, i) => {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 1;
    for (let step = 0; step < 10; step++) {
      let [before, value] = [0, 1];
      for (let n = 1; n <= count; n++) [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n];
      slope = (count * (x * value - before)) / (x * x - 1);
      x -= value / slope;
    }
    return { at: (1 - x) / 2, weight: 1 / ((1 - x * x) * slope * slope) };
  });
}

/** Weights of the same ratings for all pictures, of sum 1, and what they are made of. */
function comparable(pictures: readonly Judged[]): { ratings: Float64Array[]; by: ComparedBy } {
  const [first] = pictures;
  if (!first) throw new RocError("USAGE", "There is no picture to compare; give at least one.");
  const wrong = pictures.find(({ score }) => !Number.isFinite(score));
  if (wrong) throw new RocError("USAGE", `A score to compare is ${wrong.score}; leave pictures without a score out.`);
  const distributions = pictures.flatMap(({ distribution }) => (distribution ? [distribution] : []));
  if (distributions.length === pictures.length) return { ratings: sameRatings(distributions), by: "distributions" };
  const normals = pictures.flatMap(({ score, std }) => (std === null ? [] : [{ score, std }]));
  if (normals.length === pictures.length) return { ratings: normalSteps(normals), by: "spreads" };
  return { ratings: ranks(pictures.map(({ score }) => score)), by: "scores" };
}

function sameRatings(distributions: readonly Numbers[]): Float64Array[] {
  const lengths = new Set(distributions.map(({ length }) => length));
  if (lengths.size === 1) return distributions.map((weights, i) => normalised(weights, `picture ${i + 1}`));
  const found = [...lengths].join(" and ");
  throw new RocError("USAGE", `Distributions of ${found} ratings cannot be compared; score all by one model.`);
}

/** Normal distributions cut into steps. */
function normalSteps(pictures: readonly { score: number; std: number }[]): Float64Array[] {
  const scores = pictures.map(({ score }) => score);
  const range = Math.max(...scores) - Math.min(...scores) || 1;
  const spread = ({ std }: { std: number }): number => Math.max(std, SMALLEST * range);
  const low = Math.min(...pictures.map((picture) => picture.score - REACH * spread(picture)));
  const high = Math.max(...pictures.map((picture) => picture.score + REACH * spread(picture)));
  return pictures.map((picture, i) => {
    const upTo = (step: number): number =>
      normalCdf((low + ((high - low) * step) / NORMAL_STEPS - picture.score) / spread(picture));
    const weights = Float64Array.from({ length: NORMAL_STEPS }, (_, step) => upTo(step + 1) - upTo(step));
    return normalised(weights, `picture ${i + 1}`);
  });
}

/** Scores without a spread: each at its own rank, so that the higher one wins. */
function ranks(scores: readonly number[]): Float64Array[] {
  const rising = [...new Set(scores)].sort((a, b) => a - b);
  return scores.map((score) => Float64Array.from(rising, (other) => Number(other === score)));
}
