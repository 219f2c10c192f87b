/**
 * What is learned of a person's taste: simulated photographers, whose true taste is known, rate composed pictures, and a head is learned
 * on what the demo weights have seen of them. Of 20, 50 and 200 ratings: how well others of their pictures are ordered, by the base, by
 * what was learned, and by the best that a head on these vectors could do; and whether keeping or refusing it was right.
 *
 *   npm run bench:taste [-- --group report|tuning] [--seed NAME] [--draws 5] [--pool 500] [--test 400] [--model FOLDER] [--out FILE.json]
 *
 * The group `tuning` is what the method was chosen on; `report` has other photographers, on other pictures.
 */
import { cpus } from "node:os";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { DEMO_MODEL } from "../src/engine/index.js";
import { tasteOf } from "../src/library/taste/head.js";
import { decisive, isBetter } from "../src/library/taste/learn-in.js";
import { learnPairs, learnStars, type Learned } from "../src/library/taste/learn.js";
import type { Preference } from "../src/library/taste/pairs.js";
import { srcc } from "../src/metrics/scores.js";
import { mean } from "../src/metrics/statistics.js";
import { Random } from "../src/random.js";
import type { Composition, Factor } from "../src/studio/factors.js";
import { torchVersion } from "../src/torch/index.js";
import { giveResult } from "./results.js";
import { material, NOISE, seenBy, standardised, STARS, starsOf, type Seen } from "./taste-pictures.js";

const { values } = parseArgs({
  options: {
    group: { type: "string", default: "report" },
    seed: { type: "string", default: "taste-report" },
    draws: { type: "string", default: "5" },
    pool: { type: "string", default: "500" },
    test: { type: "string", default: "400" },
    model: { type: "string", default: DEMO_MODEL },
    out: { type: "string" },
  },
});

const COUNTS = [20, 50, 200];

/** What somebody likes about a picture, in any unit. */
type Liking = (picture: Composition) => number;

/** The merit of a factor from -1/2 to 1/2; 0 where the scene lacks it. */
function merit({ merits }: Composition, factor: Factor): number {
  return (merits[factor] ?? 0.5) - 0.5;
}

/** How far a factor goes to one of its faulty sides: -1 to 1. */
function towards({ merits, sides }: Composition, factor: Factor, side: number): number {
  const found = merits[factor];
  return found === undefined ? 0 : (1 - found) * (sides[factor] === side ? 1 : -1);
}

const quality: Liking = ({ latent }) => (latent - 5.5) / 1.3;

const ALL: readonly Factor[] = ["exposure", "contrast", "saturation", "harmony", "motion", "noise", "depth", "clutter", "placement"]; // prettier-ignore

/** Likes and dislikes drawn at random; `share` of the common quality. */
function ownWeights(name: string, share: number): Liking {
  const random = new Random(name, "weights");
  const weights = ALL.map((factor) => [factor, random.gaussian()] as const);
  return (picture) => 2 * weights.reduce((sum, [factor, weight]) => sum + weight * merit(picture, factor), 0) + share * quality(picture); // prettier-ignore
}

/** Those that the method was chosen on. */
const TUNING: Readonly<Record<string, Liking>> = {
  "as the base": quality,
  "own weights 1": ownWeights("tuning 1", 0),
  "own weights 2": ownWeights("tuning 2", 0),
  "half own 1": ownWeights("tuning 3", 1),
  dark: (picture) => 2 * towards(picture, "exposure", 0) + 0.5 * quality(picture),
  saturated: (picture) => 2 * towards(picture, "saturation", 1) + 0.5 * quality(picture),
  "off centre": (picture) => 2 * towards(picture, "placement", 0) + 0.5 * quality(picture),
  grain: (picture) => -3 * merit(picture, "noise") + 0.5 * quality(picture),
  "worst fault": (picture) => Math.min(...ALL.map((factor) => merit(picture, factor))) * 3,
  landscapes: (picture) => (picture.scene === "landscape" ? 1.5 : 0) + quality(picture),
};

/** Others, for the figures. */
const REPORT: Readonly<Record<string, Liking>> = {
  "as the base": quality,
  "own weights 1": ownWeights("report 1", 0),
  "own weights 2": ownWeights("report 2", 0),
  "own weights 3": ownWeights("report 3", 0),
  "half own 1": ownWeights("report 4", 1),
  "half own 2": ownWeights("report 5", 1),
  bright: (picture) => 2 * towards(picture, "exposure", 1) + 0.7 * quality(picture),
  muted: (picture) => 2 * towards(picture, "saturation", 0) + 0.3 * quality(picture),
  haze: (picture) => -3 * merit(picture, "contrast"),
  centred: (picture) => 2 * towards(picture, "placement", 1) + 0.7 * quality(picture),
  portraits: (picture) => (picture.scene === "portrait" ? 2 : 0) + quality(picture),
  // What is not linear in the factors.
  "dark portraits, bright rest": (picture) => 2 * towards(picture, "exposure", picture.scene === "portrait" ? 0 : 1) + 0.5 * quality(picture), // prettier-ignore
  "one fault spoils it": (picture) => -Math.max(...(["exposure", "contrast", "saturation"] as const).map((factor) => -merit(picture, factor))) * 3, // prettier-ignore
  "half-tones": (picture) => -4 * Math.abs(merit(picture, "contrast")) + 0.5 * quality(picture),
};

/** Who rates at random: of whom nothing can be learned. */
const RANDOM = "at random";

/** Tastes in standard deviations. */
function tastesOf(name: string, liking: Liking, { compositions }: Seen): number[] {
  const random = new Random(values.seed, name, compositions.length);
  return standardised(compositions.map((one) => (name === RANDOM ? random.gaussian() : liking(one))));
}

function orderBy({ head }: Learned, { scores, vectors }: Seen): number[] {
  return scores.map((score, i) => tasteOf(head, score, vectors[i] as Float32Array));
}

/** One learning, and what came of it on the held-out pictures. */
interface Trial {
  readonly count: number;
  readonly base: number;
  readonly learned: number;
  readonly kept: boolean;
  /** The gain that held-out ratings promised. */
  readonly promised: number;
}

function trialOf(learned: Learned, count: number, truth: readonly number[], test: Seen): Trial {
  const base = srcc(test.scores, truth) ?? 0;
  return {
    ...{ count, base, learned: srcc(orderBy(learned, test), truth) ?? 0, kept: isBetter(learned.gain) },
    promised: decisive(learned.gain).gain.value,
  };
}

function starTrial(
  name: string,
  tastes: readonly number[],
  truth: readonly number[],
  pool: Seen,
  test: Seen,
  count: number,
  draw: number,
): Trial | undefined {
  // prettier-ignore
  const random = new Random(values.seed, name, count, draw);
  const rows = [...random.permutation(pool.scores.length).subarray(0, count)];
  const stars = rows.map((row) => starsOf(tastes[row] as number, random));
  if (new Set(stars).size < 2) return undefined;
  return trialOf(learnStars(material(pool, rows), stars), count, truth, test);
}

/** Answers about pictures drawn at random: each comparison has the noise of two ratings. */
function pairTrial(
  name: string,
  tastes: readonly number[],
  truth: readonly number[],
  pool: Seen,
  test: Seen,
  count: number,
  draw: number,
): Trial {
  // prettier-ignore
  const random = new Random(values.seed, name, count, draw, "pairs");
  const rows = [...random.permutation(pool.scores.length).subarray(0, 2 * count)];
  const felt = rows.map((row) => (tastes[row] as number) + random.gaussian(0, NOISE));
  const pairs = Array.from({ length: Math.floor(rows.length / 2) }, (_, i): Preference => {
    const [a, b] = [2 * i, 2 * i + 1];
    return (felt[a] as number) > (felt[b] as number) ? [a, b] : [b, a];
  });
  return trialOf(learnPairs(material(pool, rows), pairs), count, truth, test);
}

/** The best head on these vectors: of the true tastes of all pictures of the pool. */
function ceilingOf(tastes: readonly number[], truth: readonly number[], pool: Seen, test: Seen): number {
  const all = material(
    pool,
    tastes.map((_, i) => i),
  );
  return srcc(orderBy(learnStars(all, tastes), test), truth) ?? 0;
}

const round = (value: number): number => Math.round(1e4 * value) / 1e4;

/** A figure of many trials of one number of ratings. */
function summary(trials: readonly (Trial & { readonly best: number })[]) {
  const used = trials.map((one) => ({ ...one, used: one.kept ? one.learned : one.base }));
  const share = (of: (one: (typeof used)[number]) => number): number =>
    round(mean(used.map((one) => of(one) - one.base)) / mean(used.map((one) => one.best - one.base)));
  const count = (which: (one: Trial) => boolean): number => round(trials.filter(which).length / trials.length);
  const gains = (one: Trial): number => one.learned - one.base;
  return {
    trials: trials.length,
    base: round(mean(used.map(({ base }) => base))),
    learned: round(mean(used.map(({ learned }) => learned))),
    used: round(mean(used.map(({ used }) => used))),
    bestHead: round(mean(used.map(({ best }) => best))),
    shareOfCeilingGained: { learned: share(({ learned }) => learned), used: share(({ used }) => used) },
    kept: count(({ kept }) => kept),
    keptRightly: count((one) => one.kept && gains(one) > 0),
    keptWrongly: count((one) => one.kept && gains(one) <= 0),
    refusedRightly: count((one) => !one.kept && gains(one) <= 0),
    refusedThoughBetter: count((one) => !one.kept && gains(one) > 0),
    // Of a gain that nobody would see nothing is missed.
    refusedThoughBetterByFiveHundredths: count((one) => !one.kept && gains(one) > 0.05),
    worstOfKept: round(Math.min(0, ...trials.filter(({ kept }) => kept).map(gains))),
    promisedMinusTrueOfKept: round(
      mean(trials.filter(({ kept }) => kept).map((one) => one.promised - gains(one))) || 0,
    ),
  };
}

const group = values.group === "tuning" ? TUNING : REPORT;
const pool = await seenBy(values.model, `${values.seed}-pool`, Number(values.pool));
const test = await seenBy(values.model, `${values.seed}-test`, Number(values.test));
const photographers: Record<string, unknown> = {};
const everyone: Record<"stars" | "pairs", (Trial & { readonly best: number; readonly name: string })[]> = { stars: [], pairs: [] }; // prettier-ignore
for (const [name, liking] of Object.entries({ ...group, [RANDOM]: () => 0 })) {
  const [tastes, truth] = [tastesOf(name, liking, pool), tastesOf(name, liking, test)];
  const best = ceilingOf(tastes, truth, pool, test);
  const random = new Random(values.seed, name, "second");
  const again = srcc(truth.map((taste) => starsOf(taste, random)), truth) ?? 0; // prettier-ignore
  const draws = Array.from({ length: Number(values.draws) }, (_, draw) => draw);
  const own = {
    stars: COUNTS.flatMap((count) => draws.flatMap((draw) => starTrial(name, tastes, truth, pool, test, count, draw) ?? [])), // prettier-ignore
    pairs: COUNTS.flatMap((count) => draws.slice(0, 2).map((draw) => pairTrial(name, tastes, truth, pool, test, count, draw))), // prettier-ignore
  };
  for (const kind of ["stars", "pairs"] as const)
    everyone[kind].push(...own[kind].map((one) => ({ ...one, best, name })));
  photographers[name] = {
    base: round(srcc(test.scores, truth) ?? 0),
    bestHead: round(best),
    ownRatingsOnceMore: round(again),
    ...Object.fromEntries(
      COUNTS.map((count) => {
        const trials = own.stars.filter((one) => one.count === count);
        const pairs = own.pairs.filter((one) => one.count === count);
        return [count, { learned: round(mean(trials.map(({ learned }) => learned))), kept: round(mean(trials.map(({ kept }) => Number(kept)))), byPairs: round(mean(pairs.map(({ learned }) => learned))) }]; // prettier-ignore
      }),
    ),
  };
  console.error(`${name}: ${JSON.stringify(photographers[name])}`);
}
const of = (kind: "stars" | "pairs", random: boolean) =>
  Object.fromEntries(COUNTS.map((count) => [count, summary(everyone[kind].filter((one) => one.count === count && (one.name === RANDOM) === random))])); // prettier-ignore
const result = {
  machine: { processor: cpus()[0]?.model, cores: cpus().length, node: process.version, libtorch: torchVersion() },
  // No path of this machine.
  settings: { ...values, out: undefined, model: basename(values.model), noise: NOISE, stars: STARS },
  stars: of("stars", false),
  pairs: of("pairs", false),
  whoRatesAtRandom: { stars: of("stars", true), pairs: of("pairs", true) },
  photographers,
};
giveResult(result, values.out);
