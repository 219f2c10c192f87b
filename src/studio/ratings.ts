/**
 * The ratings that AADB, PARA, ICAA17K and the sets of technical quality publish, by simulated raters. On every scale a rater's vote is
 *
 *     the nearest level to  truth + (bias + spread · normal) · (max - min) / 9,
 *
 * with the pool of raters.ts, whose bias and spread are on AVA's scale 1..10. One panel rates all attributes of a picture,
 * so that a lenient rater is lenient throughout. The score on 1..10 of AVA, TAD66K, ICAA17K (MOS), AVA-Captions and the
 * CSV is the same votes, {@link votesOn}, published in different ways.
 */
import { AADB_ATTRIBUTE_SCALE } from "../data/aadb.js";
import { AVA_SCALE, voteStatistics } from "../data/ava.js";
import { FLIVE_PATCHES, FLIVE_SCALE } from "../data/flive.js";
import { KADID_SCALE } from "../data/kadid10k.js";
import { KONIQ_SCALE } from "../data/koniq10k.js";
import { PARA_SCALE } from "../data/para.js";
import { SPAQ_SCALE } from "../data/spaq.js";
import { Random } from "../random.js";
import type { ScoreScale } from "../data/types.js";
import { aadbTruths, colourTruth, paraTruths, spaqTruths } from "./attributes.js";
import type { AadbAttribute, ParaAttribute, SpaqAttribute } from "./attributes.js";
import type { Composition } from "./factors.js";
import type { Rater } from "./raters.js";

/** Votes on evenly spaced levels, and their statistics. */
export interface Ratings {
  /** Votes for each level from the lowest to the highest. */
  readonly counts: readonly number[];
  readonly mean: number;
  /** Population standard deviation. */
  readonly std: number;
}

/** Raters of a picture: AADB has five; more here, so that rating noise does not limit a comparison of methods. */
const AADB_RATERS = 20;
const PARA_RATERS = { fewest: 20, most: 30 } as const;
const COLOUR_RATERS = { fewest: 40, most: 80 } as const;
const KONIQ_RATERS = { fewest: 96, most: 136 } as const;
const SPAQ_RATERS = { fewest: 15, most: 25 } as const;
const KADID_RATERS = 30;
const FLIVE_RATERS = 35;
const FLICKR_RATERS = 5;
/** Positions of a slider from 0 to 100. */
const SLIDER = 101;

/** AADB: stars from 1 to 5 for the score, and -1, 0 or 1 for an attribute. */
const STARS: ScoreScale = { min: 1, max: 5 };
const STAR_LEVELS = 5;
const SIGNS = 3;
/** PARA: halves for the aesthetic score, whole numbers for the rest. */
const PARA_HALVES = 9;
const PARA_WHOLE = 5;
const TENS = 10;

/** A picture's ratings in AADB's files. */
export interface AadbRatings {
  /** Mean stars on 0..1. */
  readonly score: number;
  readonly stars: Ratings;
  /** Means of -1, 0 and 1. */
  readonly attributes: Readonly<Record<AadbAttribute, Ratings>>;
}

/** A picture's ratings in PARA's files. */
export interface ParaRatings {
  readonly score: Ratings;
  readonly attributes: Readonly<Record<ParaAttribute, Ratings>>;
}

/** A picture's ratings in SPAQ's files. */
export interface SpaqRatings {
  readonly score: Ratings;
  readonly attributes: Readonly<Record<SpaqAttribute, Ratings>>;
}

/** AADB's ratings of a picture: {@link AADB_RATERS} raters. */
export function rateAadb(composition: Composition, raters: readonly Rater[]): AadbRatings {
  const random = streamOf(composition, "aadb");
  const panel = panelOf(raters, AADB_RATERS, random);
  const stars = rate(panel, rescaled(composition.latent, AVA_SCALE, STARS), STARS, STAR_LEVELS, random);
  const score = (stars.mean - STARS.min) / (STARS.max - STARS.min);
  const attributes = rateAll(panel, aadbTruths(composition), AADB_ATTRIBUTE_SCALE, SIGNS, random);
  return { score, stars, attributes };
}

/** PARA's ratings of a picture: 20 to 30 raters. */
export function ratePara(composition: Composition, raters: readonly Rater[]): ParaRatings {
  const random = streamOf(composition, "para");
  const panel = panelOf(raters, between(PARA_RATERS, random), random);
  const score = rate(panel, rescaled(composition.latent, AVA_SCALE, PARA_SCALE), PARA_SCALE, PARA_HALVES, random);
  return { score, attributes: rateAll(panel, paraTruths(composition), PARA_SCALE, PARA_WHOLE, random) };
}

/** Votes 1..10 on the colours only (ICAA17K): 40 to 80 raters. */
export function rateColour(composition: Composition, raters: readonly Rater[]): Ratings {
  const random = streamOf(composition, "icaa17k");
  const panel = panelOf(raters, between(COLOUR_RATERS, random), random);
  return rate(panel, colourTruth(composition), AVA_SCALE, TENS, random);
}

/** KonIQ-10k: votes 1 to 5, 96 to 136 raters. */
export function rateKoniq(composition: Composition, raters: readonly Rater[]): Ratings {
  const random = streamOf(composition, "koniq10k");
  return rateLatent(
    composition,
    panelOf(raters, between(KONIQ_RATERS, random), random),
    KONIQ_SCALE,
    STAR_LEVELS,
    random,
  );
}

/** SPAQ's ratings of a picture: 15 to 25 raters, by a slider of whole numbers from 0 to 100. */
export function rateSpaq(composition: Composition, raters: readonly Rater[]): SpaqRatings {
  const random = streamOf(composition, "spaq");
  const panel = panelOf(raters, between(SPAQ_RATERS, random), random);
  const score = rateLatent(composition, panel, SPAQ_SCALE, SLIDER, random);
  return { score, attributes: rateAll(panel, spaqTruths(composition), SPAQ_SCALE, SLIDER, random) };
}

/** KADID-10k: votes 1 to 5 of 30 raters. */
export function rateKadid(composition: Composition, raters: readonly Rater[]): Ratings {
  const random = streamOf(composition, "kadid10k");
  return rateLatent(composition, panelOf(raters, KADID_RATERS, random), KADID_SCALE, STAR_LEVELS, random);
}

/** FLIVE: 35 raters of the picture and of three patches, by a slider of whole numbers from 0 to 100. */
export function rateFlive(
  composition: Composition,
  raters: readonly Rater[],
): { readonly score: Ratings; readonly patches: readonly Ratings[] } {
  // prettier-ignore
  const random = streamOf(composition, "flive");
  const each = (): Ratings =>
    rateLatent(composition, panelOf(raters, FLIVE_RATERS, random), FLIVE_SCALE, SLIDER, random);
  return { score: each(), patches: FLIVE_PATCHES.map(each) };
}

/** FLICKR-AES: votes 1 to 5 of five workers, whose numbers are given too. */
export function rateFlickr(
  composition: Composition,
  raters: readonly Rater[],
): { readonly ratings: Ratings; readonly workers: readonly number[] } {
  // prettier-ignore
  const random = streamOf(composition, "flickr-aes");
  const panel = panelOf(raters, FLICKR_RATERS, random);
  const ratings = rateLatent(composition, panel, STARS, STAR_LEVELS, random);
  return { ratings, workers: panel.map((rater) => raters.indexOf(rater)) };
}

/** A panel's votes on the picture as a whole. */
function rateLatent(
  { latent }: Composition,
  panel: readonly Rater[],
  scale: ScoreScale,
  levels: number,
  random: Random,
): Ratings {
  return rate(panel, rescaled(latent, AVA_SCALE, scale), scale, levels, random);
}

/** One vote per rater of a panel. @param levels how many, evenly spaced over the scale */
function rate(
  panel: readonly Rater[],
  truth: number,
  { min, max }: ScoreScale,
  levels: number,
  random: Random,
): Ratings {
  const counts = new Array<number>(levels).fill(0);
  const step = (max - min) / (levels - 1);
  const unit = (max - min) / (AVA_SCALE.max - AVA_SCALE.min);
  for (const { bias, spread } of panel) {
    const felt = truth + unit * random.gaussian(bias, spread);
    const level = Math.min(levels - 1, Math.max(0, Math.round((felt - min) / step)));
    counts[level] = (counts[level] ?? 0) + 1;
  }
  const { mean, std } = voteStatistics(counts);
  return { counts, mean: min + (mean - 1) * step, std: std * step };
}

function rateAll<Name extends string>(
  panel: readonly Rater[],
  truths: Readonly<Record<Name, number>>,
  scale: ScoreScale,
  levels: number,
  random: Random,
): Record<Name, Ratings> {
  const rated = {} as Record<Name, Ratings>;
  for (const name of Object.keys(truths) as Name[]) rated[name] = rate(panel, truths[name], scale, levels, random);
  return rated;
}

/** `count` different raters of the pool. */
export function panelOf(raters: readonly Rater[], count: number, random: Random): Rater[] {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(count, raters.length)) chosen.add(random.int(raters.length));
  return [...chosen].flatMap((who) => raters[who] ?? []);
}

function streamOf({ seed, index }: Composition, name: string): Random {
  return new Random(seed, index, "ratings", name);
}

function between({ fewest, most }: { readonly fewest: number; readonly most: number }, random: Random): number {
  return fewest + random.int(most - fewest + 1);
}

function rescaled(value: number, from: ScoreScale, to: ScoreScale): number {
  return to.min + ((value - from.min) / (from.max - from.min)) * (to.max - to.min);
}
