/** Which two photos are asked about: those whose answer would tell most of the person's taste. */
import { normalCdf } from "../../metrics/statistics.js";
import type { Random } from "../../random.js";
import type { Connection } from "../connection.js";
import { hashDistance } from "../culling/look.js";
import { dot, gram, solve } from "../../metrics/algebra.js";
import { MomentsSum, standardised } from "./head.js";
import { bounded, laplace, type Preference } from "./pairs.js";
import { SLOPE } from "./prior.js";
import { answeredPairs } from "./ratings.js";
import { seenOnes, type Seen } from "./vectors.js";

/** Photos that are drawn, and pairs of them that are weighed. */
const [DRAWN, WEIGHED] = [120, 300];
/**
 * The latest answers that the choice goes by: somebody waits for the next question, and the time grows with the cube of their number.
 * None is asked again, however long ago it was answered, and learning takes more of them.
 */
const ANSWERS = 60;
/** Photos that look alike to that many bits tell little of a taste: they are of one moment, or copies. */
const ALIKE_BITS = 12;
/** Strength of what differs from the base, before anything is known of it. */
const STRENGTH = 1;
/** By which the entropy of an answer of known odds is approximated (Houlsby et al. 2011, eq. 4). */
const NARROWNESS = (Math.PI * Math.LN2) / 2;

/** A photo by its file and its picture. */
export interface Asked {
  readonly file: number;
  readonly picture: number;
}

/**
 * Two photos that are there, of pictures that differ; undefined where there are none left.
 *
 * Of pairs drawn at random the one is taken whose answer is least certain while those of the taste that are likely disagree most about it
 * (Bayesian active learning by disagreement).
 */
export function choosePair(connection: Connection, judge: number, random: Random): readonly [Asked, Asked] | undefined {
  const files = drawnFiles(connection, judge, random);
  const all = answeredPairs(connection, judge);
  const answers = all.slice(0, ANSWERS);
  const pictures = [...new Set([...files.keys(), ...answers.flatMap(({ better, worse }) => [better, worse])])];
  const seen = seenOnes(connection, judge, pictures);
  const places = new Map(seen.map(({ picture }, i) => [picture, i]));
  const candidates = pairsOf(connection, seen.map(({ picture }) => picture).filter((picture) => files.has(picture)), all, random); // prettier-ignore
  const pairs = (some: readonly (readonly [number, number])[]): Preference[] =>
    some.map(([a, b]) => [places.get(a) as number, places.get(b) as number]);
  const told = informationOf(seen, pairs(answers.map(({ better, worse }) => [better, worse])), pairs(candidates));
  const best = candidates[told.indexOf(Math.max(...told))];
  return (
    best && [
      { picture: best[0], file: files.get(best[0]) as number },
      { picture: best[1], file: files.get(best[1]) as number },
    ]
  );
}

/** Pictures drawn from those that are there, with the first file of each. */
function drawnFiles(connection: Connection, judge: number, random: Random): Map<number, number> {
  const sql = `SELECT v.picture, min(f.id) FROM vectors v JOIN files f ON f.picture = v.picture
    WHERE v.judge = ? AND f.gone IS NULL GROUP BY v.picture`;
  const rows = connection.rows<[number, number]>(sql, [judge]);
  const order = random.permutation(rows.length).subarray(0, DRAWN);
  return new Map(Array.from(order, (at) => rows[at] as [number, number]));
}

/** Pairs of different pictures that nobody has been asked about. */
function pairsOf(
  connection: Connection,
  pictures: readonly number[],
  answers: readonly { readonly better: number; readonly worse: number }[],
  random: Random,
): (readonly [number, number])[] {
  const sql = "SELECT id, CAST(hash AS TEXT) FROM pictures WHERE id IN (SELECT value FROM json_each(?))";
  const hashes = new Map(connection.rows<[number, string | null]>(sql, [JSON.stringify(pictures)]));
  const known = new Set(answers.flatMap(({ better, worse }) => [`${better} ${worse}`, `${worse} ${better}`]));
  const isAlike = (a: number, b: number): boolean => {
    const [first, second] = [hashes.get(a), hashes.get(b)];
    return typeof first === "string" && typeof second === "string" && hashDistance(BigInt.asUintN(64, BigInt(first)), BigInt.asUintN(64, BigInt(second))) <= ALIKE_BITS; // prettier-ignore
  };
  const found: (readonly [number, number])[] = [];
  for (let tried = 0; tried < 4 * WEIGHED && found.length < WEIGHED && pictures.length > 1; tried++) {
    const [a, b] = [pictures[random.int(pictures.length)] as number, pictures[random.int(pictures.length)] as number];
    if (a !== b && !known.has(`${a} ${b}`) && !isAlike(a, b)) found.push([a, b]);
  }
  return found;
}

/** A picture in numbers whose products are those of the prior. */
interface Row {
  readonly base: number;
  readonly row: Float64Array;
}

/** How much an answer about each candidate would tell, in bits. */
function informationOf(
  seen: readonly Seen[],
  answers: readonly Preference[],
  candidates: readonly Preference[],
): number[] {
  const [vectors, scores] = [new MomentsSum(seen[0]?.vector.length ?? 0), new MomentsSum(1)];
  for (const { vector, score } of seen) {
    vectors.add(vector);
    scores.add([score]);
  }
  const [ofVectors, ofScores] = [vectors.moments(), scores.moments()];
  // The base's score as one more number of the vector, so that differences of both are one product.
  const rows = seen.map(({ vector, score }): Row => {
    const row = standardised(vector, ofVectors).map((value) => value * Math.sqrt(STRENGTH / vector.length));
    const base = standardised([score], ofScores)[0] as number;
    return { base, row: Float64Array.of(...row, Math.sqrt(SLOPE.variance) * base) };
  });
  const at = (place: number): Row => rows[place] as Row;
  const difference = ([a, b]: Preference): Float64Array => at(a).row.map((value, i) => value - (at(b).row[i] as number)); // prettier-ignore
  const meanOf = ([a, b]: Preference): number => SLOPE.mean * (at(a).base - at(b).base);
  const known = answers.map(difference);
  const posterior = posteriorOf(known, answers.map(meanOf));
  return candidates.map((pair) => {
    const { mean, variance } = posterior(difference(pair), meanOf(pair));
    return information(mean, variance);
  });
}

type Posterior = (difference: Float64Array, mean: number) => { readonly mean: number; readonly variance: number };

/** What is known of a further difference, by Laplace's approximation (Rasmussen and Williams 2006, 3.4.2). */
function posteriorOf(known: readonly Float64Array[], means: readonly number[]): Posterior {
  const n = known.length;
  if (n === 0) return (difference, mean) => ({ mean, variance: dot(difference, difference) });
  const length = known[0]?.length ?? 1;
  const products = gram(known).map((product) => product * length);
  const mode = laplace({ products, base: new Float64Array(n) }, 1, Float64Array.from(means));
  const roots = mode.curvature.map(Math.sqrt);
  const factor = bounded(products, mode.curvature);
  return (difference, mean) => {
    const shared = Float64Array.from(known, (one) => dot(one, difference));
    const seen = shared.map((value, i) => value * (roots[i] as number));
    const variance = dot(difference, difference) - dot(seen, solve(factor, seen));
    return { mean: mean + dot(shared, mode.dual), variance: Math.max(0, variance) };
  };
}

/** The mutual information of an answer and the taste (Houlsby et al. 2011, eq. 4). */
export function information(mean: number, variance: number): number {
  const chance = normalCdf(mean / Math.sqrt(variance + 1));
  const entropy = [chance, 1 - chance].reduce((sum, p) => (p > 0 ? sum - p * Math.log2(p) : sum), 0);
  const expected = (Math.sqrt(NARROWNESS) * Math.exp((-mean * mean) / (2 * (variance + NARROWNESS)))) / Math.sqrt(variance + NARROWNESS); // prettier-ignore
  return Math.max(0, entropy - expected);
}
