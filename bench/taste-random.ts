/**
 * How often a taste is kept of somebody of whom nothing can be learned. About one in forty is to be expected, as the 95% interval of the
 * gain has two sides.
 *
 *   npm run bench:taste-random [-- --seed NAME] [--raters 40] [--counts 20,50,200] [--few 60] [--pool 500] [--model FOLDER] [--out FILE.json]
 *
 * Raters have a random taste, one number a picture, so that what they say of one picture agrees; or they toss a coin for each answer. Pairs
 * are of pictures that occur once, or are drawn from few, so that answers share them as on the page.
 */
import { cpus } from "node:os";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { DEMO_MODEL } from "../src/engine/index.js";
import { decisive, isBetter } from "../src/library/taste/learn-in.js";
import { learnPairs, learnStars, type Learned } from "../src/library/taste/learn.js";
import type { Preference } from "../src/library/taste/pairs.js";
import { countedShare } from "../src/metrics/beta.js";
import { mean } from "../src/metrics/statistics.js";
import { Random } from "../src/random.js";
import { torchVersion } from "../src/torch/index.js";
import { giveResult } from "./results.js";
import { material, NOISE, seenBy, starsOf, type Seen } from "./taste-pictures.js";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "taste-random" },
    raters: { type: "string", default: "40" },
    counts: { type: "string", default: "20,50,200" },
    few: { type: "string", default: "60" },
    pool: { type: "string", default: "500" },
    model: { type: "string", default: DEMO_MODEL },
    out: { type: "string" },
  },
});

/** What a rater of random taste says of pictures: learned from it. */
type Rater = (pool: Seen, count: number, random: Random) => Learned | undefined;

function stars(pool: Seen, count: number, random: Random): Learned | undefined {
  const rows = [...random.permutation(pool.scores.length).subarray(0, count)];
  const given = rows.map(() => starsOf(random.gaussian(), random));
  return new Set(given).size < 2 ? undefined : learnStars(material(pool, rows), given);
}

/** @param rows of the pictures @param pairs of their places */
function answered(pool: Seen, rows: number[], pairs: [number, number][], random: Random, hasTaste: boolean): Learned {
  const tastes = rows.map(() => random.gaussian());
  const feltOf = (place: number): number => (hasTaste ? (tastes[place] as number) : 0) + random.gaussian(0, NOISE);
  const answers = pairs.map(([a, b]): Preference => (feltOf(a) > feltOf(b) ? [a, b] : [b, a]));
  return learnPairs(material(pool, rows), answers);
}

function ofPicturesOnce(pool: Seen, count: number, random: Random): Learned {
  const rows = [...random.permutation(pool.scores.length).subarray(0, 2 * count)];
  const pairs = Array.from({ length: rows.length / 2 }, (_, i): [number, number] => [2 * i, 2 * i + 1]);
  return answered(pool, rows, pairs, random, true);
}

function ofFewPictures(hasTaste: boolean): Rater {
  return (pool, count, random) => {
    const rows = [...random.permutation(pool.scores.length).subarray(0, Number(values.few))];
    const all = rows.flatMap((_, b) => Array.from({ length: b }, (_, a): [number, number] => [a, b]));
    const pairs = Array.from(random.permutation(all.length).subarray(0, count), (at) => all[at] as [number, number]);
    return answered(pool, rows, pairs, random, hasTaste);
  };
}

const RATERS: Readonly<Record<string, Rater>> = {
  "stars, a random taste": stars,
  "pairs of pictures that occur once, a random taste": ofPicturesOnce,
  "pairs of few pictures, a random taste": ofFewPictures(true),
  "pairs of few pictures, coins": ofFewPictures(false),
};

const round = (value: number): number => Math.round(1e4 * value) / 1e4;

function figuresOf(gains: readonly ReturnType<typeof decisive>[], kept: number) {
  const { value, low, high } = countedShare(kept, gains.length);
  return {
    raters: gains.length,
    kept,
    share: { value: round(value), low: round(low), high: round(high) },
    below: gains.filter(({ gain }) => gain.high < 0).length,
    meanOfBase: round(mean(gains.map(({ base }) => base))),
    meanOfTaste: round(mean(gains.map(({ taste }) => taste))),
    meanWidth: round(mean(gains.map(({ gain }) => gain.high - gain.low))),
  };
}

const pool = await seenBy(values.model, `${values.seed}-pool`, Number(values.pool));
const figures: Record<string, Record<string, ReturnType<typeof figuresOf>>> = {};
for (const [name, rater] of Object.entries(RATERS))
  for (const count of values.counts.split(",").map(Number)) {
    const learned = Array.from({ length: Number(values.raters) }, (_, at) => rater(pool, count, new Random(values.seed, name, count, at))); // prettier-ignore
    const gains = learned.flatMap((one) => (one ? [one.gain] : []));
    const one = figuresOf(gains.map(decisive), gains.filter(isBetter).length);
    figures[name] = { ...figures[name], [count]: one };
    console.error(`${name}, ${count}: ${JSON.stringify(one)}`);
  }
giveResult(
  {
    machine: { processor: cpus()[0]?.model, cores: cpus().length, node: process.version, libtorch: torchVersion() },
    // No path of this machine.
    settings: { ...values, out: undefined, model: basename(values.model), noise: NOISE },
    figures,
  },
  values.out,
);
