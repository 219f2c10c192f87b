/** Simulated raters, and the ceiling on every model from their noise. */
import { voteStatistics } from "../data/ava.js";
import { Random, type SeedPart } from "../random.js";
import { compose } from "./factors.js";

const POOL = 1000;
const FEWEST = 78;
const MOST = 500;
const RATINGS = 10;

/** A person of the pool: a vote is `latent + bias + spread * normal`, rounded and clamped to 1..10. */
export interface Rater {
  /** Normal, standard deviation 0.6: some are lenient, some are strict. */
  readonly bias: number;
  /** Uniform in [0.8, 1.8]: some are consistent, some are not. */
  readonly spread: number;
}

/** The pool of 1000 raters of a studio. */
export function makeRaters(seed: SeedPart): readonly Rater[] {
  const random = new Random(seed, "raters");
  return Array.from({ length: POOL }, () => ({ bias: random.gaussian(0, 0.6), spread: random.uniform(0.8, 1.8) }));
}

/**
 * The votes on one picture: 78 to 500 different raters of the pool, one vote each.
 *
 * @returns 10 counts, of the ratings 1 to 10
 */
function castVotes(raters: readonly Rater[], latent: number, random: Random): number[] {
  const votes = new Array<number>(RATINGS).fill(0);
  const count = Math.min(raters.length, FEWEST + random.int(MOST - FEWEST + 1));
  for (const who of random.permutation(raters.length).subarray(0, count)) {
    const { bias, spread } = raters[who] as Rater;
    const rating = Math.round(random.gaussian(latent + bias, spread));
    const bin = Math.min(RATINGS, Math.max(1, rating)) - 1;
    votes[bin] = (votes[bin] ?? 0) + 1;
  }
  return votes;
}

/** The votes on picture `index` of a studio: deterministic, in any order of calls. */
export function votesOn(seed: SeedPart, index: number, latent: number, raters: readonly Rater[]): number[] {
  return castVotes(raters, latent, new Random(seed, index, "votes"));
}

/** Correlations of the true latent quality with the mean votes: an upper bound for models. */
export interface RaterCeiling {
  readonly srcc: number;
  readonly plcc: number;
}

/**
 * The ceiling that the raters' noise sets, simulated on the pictures 0..count-1 of a studio without rendering them.
 */
export function raterCeiling(seed: SeedPart, count = 10_000): RaterCeiling {
  const raters = makeRaters(seed);
  const latents = Array.from({ length: count }, (_, index) => compose(seed, index).latent);
  const means = latents.map((latent, index) => voteStatistics(votesOn(seed, index, latent, raters)).mean);
  return correlationsOf(latents, means);
}

/** Spearman's and Pearson's correlation. */
export function correlationsOf(truths: readonly number[], means: readonly number[]): RaterCeiling {
  return { srcc: pearson(ranks(truths), ranks(means)), plcc: pearson(truths, means) };
}

/** Duplicated here because this room does not import `metrics`. */
function pearson(a: readonly number[], b: readonly number[]): number {
  const meanOf = (v: readonly number[]): number => v.reduce((sum, x) => sum + x, 0) / v.length;
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [da, db] = [(a[i] ?? 0) - meanA, (b[i] ?? 0) - meanB];
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  return ab / Math.sqrt(aa * bb);
}

/** Ranks from 0; ties share their mean rank. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((value, i) => ({ value, i })).sort((a, b) => a.value - b.value);
  const out = new Array<number>(values.length).fill(0);
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && order[end]?.value === order[start]?.value) end++;
    for (let k = start; k < end; k++) out[order[k]?.i ?? 0] = (start + end - 1) / 2;
  }
  return out;
}
