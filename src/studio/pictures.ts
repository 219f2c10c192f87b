/** The pictures of a studio, independent of the format: compositions, votes, and the split of each. */
import { RocError } from "../errors.js";
import { Random, type SeedPart } from "../random.js";
import type { Split } from "../data/types.js";
import { compose, type Composition } from "./factors.js";
import { changed, varied } from "./moment.js";
import { makeRaters, votesOn, type Rater } from "./raters.js";

const FIRST_ID = 100_001;

/** A picture of a studio. */
export interface Picture {
  readonly index: number;
  /** AVA's id; other formats build their names with it. */
  readonly id: string;
  readonly composition: Composition;
  /** Votes for 1 to 10. */
  readonly votes: readonly number[];
  /** Which set it belongs to, from 0, where the studio composes sets. */
  readonly set?: number;
}

/** What determines a studio's pictures and labels. */
export interface PictureOptions {
  readonly seed: string | number;
  readonly count: number;
  readonly testFraction: number;
  /** Whether compositions have patterns. */
  readonly patterns: boolean;
  /** Whether pictures come in sets of two to eight of one scene. Default: each has its own. */
  readonly sets?: boolean | undefined;
}

/** By how much a merit differs within a set at most. */
const UNREST = 0.35;

/** A studio's pictures, with the raters that all labels come from. */
export interface StudioPictures {
  readonly options: PictureOptions;
  readonly raters: readonly Rater[];
  readonly pictures: readonly Picture[];
}

/** The pictures of a studio; picture k does not depend on the count. */
export function makePictures(options: PictureOptions): StudioPictures {
  const { seed, count, patterns } = options;
  const raters = makeRaters(seed);
  const sets = options.sets ? setsOf(seed, count) : [];
  const pictures = Array.from({ length: count }, (_, index) => {
    const set = sets[index];
    const composition = set === undefined ? compose(seed, index, { patterns }) : composeOf(set, index, options);
    const votes = votesOn(seed, index, composition.latent, raters);
    return { index, id: String(FIRST_ID + index), composition, votes, ...(set !== undefined && { set }) };
  });
  return { options, raters, pictures };
}

/** The set of every picture; the last one may be cut short. */
function setsOf(seed: SeedPart, count: number): number[] {
  const sets: number[] = [];
  for (let set = 0; sets.length < count; set++) {
    const size = 2 + new Random(seed, set, "set").int(7);
    sets.push(...new Array<number>(size).fill(set));
  }
  return sets.slice(0, count);
}

/** A picture of a set's scene, with luck of its own. */
function composeOf(set: number, index: number, { seed, patterns }: PictureOptions): Composition {
  const base = compose(seed, set, { patterns });
  return changed(base, varied(new Random(seed, index, "moment"), base, UNREST));
}

/**
 * The part of each picture, as {@link drawParts} draws it; of sets, the same for all pictures of one.
 *
 * @throws RocError USAGE where no picture is left for training
 */
export function partsOf({ options, pictures }: StudioPictures, validation = 0): readonly Split[] {
  const sets = pictures.at(-1)?.set;
  if (sets === undefined) return drawParts(options, validation);
  const parts = drawParts({ ...options, count: sets + 1 }, validation, "test", "set");
  return pictures.map(({ set = 0 }) => parts[set] ?? "train");
}

/** Whether a picture's draw puts it into AVA's test part. */
export function drawnForTest(seed: SeedPart, index: number, testFraction: number): boolean {
  return new Random(seed, index, "test").chance(testFraction);
}

/**
 * The split of each picture, drawn independently: test with probability `testFraction`, otherwise validation with
 * probability `validation`. A part that would be empty gets the picture with the closest draw, since the official files
 * have rows in every part.
 *
 * @param name of the draw: "test" is AVA's, and all formats' except AVA-Captions'
 * @param validation probability of the validation part; 0 = the format has none
 * @param unit what is counted, in messages
 * @throws RocError USAGE where no picture is left for training
 */
export function drawParts(
  { seed, count, testFraction }: PictureOptions,
  validation = 0,
  name: "test" | "captions" = "test",
  unit: "picture" | "set" = "picture",
): readonly Split[] {
  const test = chosen(seed, name, range(count), testFraction);
  const rest = range(count).filter((index) => !test.has(index));
  const held = validation > 0 ? chosen(seed, `${name}-validation`, rest, validation) : new Set<number>();
  const parts = range(count).map((index): Split =>
    test.has(index) ? "test" : held.has(index) ? "validation" : "train",
  );
  if (parts.includes("train")) return parts;
  const what = `${count} ${unit}${count === 1 ? "" : "s"} with a test share of ${testFraction}`;
  throw new RocError("USAGE", `Of ${what} none is left for training; give more pictures or a smaller share.`);
}

/** Those of `indices` whose draw is below `share`; the lowest draw where there is none. */
function chosen(seed: SeedPart, name: string, indices: readonly number[], share: number): Set<number> {
  const draws = indices.map((index) => [index, new Random(seed, index, name).next()] as const);
  const below = draws.filter(([, draw]) => draw < share);
  const lowest = [...draws].sort(([, a], [, b]) => a - b).slice(0, 1);
  return new Set((below.length > 0 ? below : lowest).map(([index]) => index));
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
