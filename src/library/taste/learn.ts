/** Learning a taste, and trying it on ratings that it has not seen. Plain numbers: no file is touched. */
import { Random } from "../../random.js";
import { gram } from "../../metrics/algebra.js";
import { gainOfPairs, gainOfStars, partsOf, type TasteGain } from "./gain.js";
import { headOf, standardised, type Head, type Moments } from "./head.js";
import { fitPairs, type Preference } from "./pairs.js";
import type { Examples, Fit } from "./prior.js";
import { StarFit } from "./stars.js";
import { trialsOf, type Moments2 } from "./trials.js";

/** Fewer tell nothing: no interval of a gain could be above 0. */
export const LEAST = { ratings: 10, moments: 10 } as const;

/**
 * Learning takes time with the cube of their number: of more ratings so many are drawn, of answers the latest are taken. With a
 * thousand a head knows nearly all that it can.
 */
export const MOST = { stars: 1000, pairs: 300 } as const;

/** Pictures of which something is said, as a judge has seen them. */
export interface Material {
  readonly vectors: readonly ArrayLike<number>[];
  readonly scores: readonly number[];
  /** The moment of each: those of one are never on both sides of a trial. */
  readonly groups: readonly number[];
  /** How vectors and scores vary over all pictures that the judge has seen. */
  readonly moments: { readonly vectors: Moments; readonly scores: Moments };
}

/** What was learned, in the unit of the ratings; the gain says whether it is worth anything. */
export interface Learned {
  readonly head: Head;
  readonly gain: TasteGain;
}

interface Prepared {
  readonly rows: readonly Float64Array[];
  readonly examples: Examples;
}

function prepared({ vectors, scores, moments }: Material): Prepared {
  const rows = vectors.map((vector) => standardised(vector, moments.vectors));
  const base = Float64Array.from(scores, (score) => standardised([score], moments.scores)[0] as number);
  return { rows, examples: { products: gram(rows), base } };
}

/** Learns of stars: one a picture, at least two different ones. */
export function learnStars(material: Material, stars: readonly number[]): Learned {
  const { rows, examples } = prepared(material);
  const model = new StarFit(examples, Float64Array.from(stars));
  const [sums, counts] = [new Float64Array(stars.length), new Float64Array(stars.length)];
  for (const part of partsOf(material.groups)) {
    const { values, constant } = model.heldOut(part);
    values.forEach((value, i) => count(sums, counts, part[i] as number, value - constant));
  }
  const { groups } = material;
  const gain = gainOfStars(stars, { groups, base: examples.base, predicted: sums.map((sum, i) => sum / (counts[i] as number)) }); // prettier-ignore
  return { head: headOf(model.fit(), rows, material.moments.vectors, material.moments.scores), gain };
}

function count(sums: Float64Array, counts: Float64Array, at: number, value: number): void {
  sums[at] = (sums[at] as number) + value;
  counts[at] = (counts[at] as number) + 1;
}

/** Learns of answered pairs, which name pictures by their places. */
export function learnPairs(material: Material, pairs: readonly Preference[]): Learned {
  const { rows, examples } = prepared(material);
  const moments = pairs.map(([better, worse]) => [material.groups[better], material.groups[worse]] as Moments2);
  const predicted = new Float64Array(pairs.length);
  const at = (places: readonly number[]): Preference[] => places.map((place) => pairs[place] as Preference);
  for (const { held, learned } of trialsOf(moments)) {
    const values = valuesOf(fitPairs(examples, at(learned)), examples);
    for (const place of held) predicted[place] = differenceIn(values, pairs[place] as Preference);
  }
  const gain = gainOfPairs({ moments, base: pairs.map((pair) => differenceIn(examples.base, pair)), predicted });
  return { head: headOf(fitPairs(examples, pairs), rows, material.moments.vectors, material.moments.scores), gain };
}

function differenceIn(values: Float64Array, [better, worse]: Preference): number {
  return (values[better] as number) - (values[worse] as number);
}

/** What a fit says of its own examples, be they among those that it has learned from or not. */
export function valuesOf({ constant, slope, shares }: Fit, { products, base }: Examples): Float64Array {
  const n = base.length;
  return base.map((score, i) => {
    let sum = constant + slope * score;
    for (let j = 0; j < n; j++) sum += (products[i * n + j] as number) * (shares[j] as number);
    return sum;
  });
}

/** So many of the items at most, drawn at random; in their order. */
export function drawn<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  const order = new Random("taste", "drawn").permutation(items.length).subarray(0, most).sort();
  return Array.from(order, (at) => items[at] as T);
}
