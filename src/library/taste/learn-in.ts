/** Learning a taste of what a library knows of a person's ratings, and keeping it there. */
import type { Judge } from "../catalog.js";
import type { Connection } from "../connection.js";
import type { TasteGain } from "./gain.js";
import { inUnitsOf, MomentsSum, tasteOf } from "./head.js";
import { drawn, LEAST, learnPairs, learnStars, MOST, type Learned, type Material } from "./learn.js";
import type { Preference } from "./pairs.js";
import { answeredPairs, momentsOf, ratedPictures, type Reading, type TasteSource } from "./ratings.js";
import { checkTasteName, forgetNamed } from "./tastes.js";
import { everySeen, momentsOfJudge, seenOnes } from "./vectors.js";

/**
 * What came of learning: `kept` where the taste was better than the base on ratings that it had not seen; else `why` not, and nothing has
 * changed.
 *
 * @category Photos
 */
export interface LearnedTaste {
  /** Whether it is in the library now. */
  readonly kept: boolean;
  /** What a person is told, with the figures. */
  readonly why: string;
  /** Ratings that were found. */
  readonly ratings: number;
  /** Undefined where there were too few ratings to try. */
  readonly gain: TasteGain | undefined;
}

export interface LearnOptions extends Reading {
  readonly name: string;
  readonly judge: Judge;
  readonly source: TasteSource;
}

/**
 * Learns a taste, and keeps it where it beats the base on held-out ratings; one of the same name is replaced then, and stays otherwise.
 *
 * @throws RocError USAGE for a name that is none; ABORTED
 */
export async function learnIn(connection: Connection, options: LearnOptions): Promise<LearnedTaste> {
  const { judge, source } = options;
  const name = checkTasteName(options.name);
  const moments = momentsOfJudge(connection, judge.id);
  if (!moments) return nothing(0, `${judge.name} has left no vectors in this library: scan without --no-vectors.`);
  const found = source === "pairs" ? pairsFor(connection, judge.id) : await starsFor(connection, judge.id, options);
  const ratings = found.count;
  const problem = problemOf(found, source);
  if (problem !== undefined) return nothing(ratings, problem);
  const seen = seenOnes(connection, judge.id, found.pictures);
  const groups = momentsOf(connection, seen.map(({ picture }) => picture)); // prettier-ignore
  const distinct = new Set(groups.values()).size;
  if (distinct < LEAST.moments)
    return nothing(ratings, `The rated photos are of ${distinct} moments; rate photos of at least ${LEAST.moments}.`);
  const material: Material = {
    vectors: seen.map(({ vector }) => vector),
    scores: seen.map(({ score }) => score),
    groups: seen.map(({ picture }) => groups.get(picture) as number),
    moments,
  };
  const learned = found.learn(material, new Map(seen.map(({ picture }, i) => [picture, i])));
  const { gain } = learned;
  if (!isBetter(gain)) return { kept: false, why: refusal(gain, ratings, source), ratings, gain };
  keep(connection, { name, judge, source, ratings, learned, moments });
  return { kept: true, why: gainText(gain, source), ratings, gain };
}

function nothing(ratings: number, why: string): LearnedTaste {
  return { kept: false, why: `Nothing was learned. ${why}`, ratings, gain: undefined };
}

/** Ratings of one kind. */
interface Found {
  readonly count: number;
  readonly pictures: readonly number[];
  readonly values: ReadonlySet<number>;
  readonly learn: (material: Material, places: ReadonlyMap<number, number>) => Learned;
}

async function starsFor(connection: Connection, judge: number, options: LearnOptions): Promise<Found> {
  const all = await ratedPictures(connection, judge, options.source === "xmp" ? "xmp" : "stars", options);
  const used = drawn(all, MOST.stars);
  const ratings = new Map(used.map(({ picture, rating }) => [picture, rating]));
  return {
    count: all.length,
    pictures: [...ratings.keys()],
    values: new Set(ratings.values()),
    learn: (material, places) =>
      learnStars(
        material,
        [...places.keys()].map((picture) => ratings.get(picture) as number),
      ),
  };
}

function pairsFor(connection: Connection, judge: number): Found {
  const all = answeredPairs(connection, judge);
  const used = all.slice(0, MOST.pairs);
  return {
    count: all.length,
    pictures: [...new Set(used.flatMap(({ better, worse }) => [better, worse]))],
    values: new Set([0, 1]),
    learn: (material, places) => {
      const at = (picture: number): number => places.get(picture) as number;
      return learnPairs(material, used.map(({ better, worse }): Preference => [at(better), at(worse)])); // prettier-ignore
    },
  };
}

function problemOf({ count, values }: Found, source: TasteSource): string | undefined {
  const what = source === "pairs" ? "answered pairs" : "photos with a person's stars or flag, and a vector,";
  if (count < LEAST.ratings) return `There are ${count} ${what} and at least ${LEAST.ratings} are needed; 50 or more tell something.`; // prettier-ignore
  return values.size < 2 ? `All ${count} photos have the same rating: a taste is what tells them apart.` : undefined;
}

/** The figure by which a taste is kept or not. */
export function decisive({ srcc, accuracy }: TasteGain): NonNullable<TasteGain["srcc"]> {
  return srcc ?? accuracy;
}

export function isBetter(gain: TasteGain): boolean {
  return decisive(gain).gain.low > 0;
}

/** "SRCC with the stars .41 by the base, .62 by the taste: a gain of .21 (.08 to .33) on held-out photos". */
export function gainText(gain: TasteGain, source: TasteSource): string {
  const figure = decisive(gain);
  const [base, taste] = [figure.base, figure.taste].map((value) => value.toFixed(2));
  const { value, low, high } = figure.gain;
  const interval = `a gain of ${value.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}, 95%)`;
  const what = source === "pairs" ? "Share of pairs in the order of the answers" : "SRCC with the stars";
  return `${what}, on held-out photos: ${base} by the base, ${taste} by the taste; ${interval}.`;
}

function refusal(gain: TasteGain, ratings: number, source: TasteSource): string {
  const words = source === "pairs" ? `${ratings} answers` : `${ratings} ratings`;
  return `Nothing was kept: of ${words} no taste was learned that is surely better than the base. ${gainText(gain, source)} The interval's lower end must be above 0. More ratings may help; a person who rates as the base does needs none.`; // prettier-ignore
}

interface Keeping {
  readonly name: string;
  readonly judge: Judge;
  readonly source: TasteSource;
  readonly ratings: number;
  readonly learned: Learned;
  readonly moments: Material["moments"];
}

function keep(connection: Connection, { name, judge, source, ratings, learned, moments }: Keeping): void {
  connection.write(() => {
    const own = new MomentsSum(1);
    for (const { score, vector } of everySeen(connection, judge.id)) own.add([tasteOf(learned.head, score, vector)]);
    const head = inUnitsOf(learned.head, own.moments(), moments.scores);
    forgetNamed(connection, name);
    const sql = `INSERT INTO tastes (name, judge, source, ratings, weights, head, gain, added) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      RETURNING id`;
    const { weights, ...others } = head;
    const texts = [JSON.stringify(others), JSON.stringify(learned.gain), new Date().toISOString()];
    const id = connection.value<number>(sql, [name, judge.id, source, ratings, new Uint8Array(weights.buffer), ...texts]) as number; // prettier-ignore
    for (const { picture, score, vector } of everySeen(connection, judge.id)) {
      connection.run("INSERT INTO tasted (taste, picture, score) VALUES (?, ?, ?)", [id, picture, tasteOf(head, score, vector)]); // prettier-ignore
    }
  });
}
