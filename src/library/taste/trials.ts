/** Which answers about pairs of photos are held out together, and of which others is learned then. */
import { components } from "./components.js";
import { groupBy } from "../../data/group-by.js";
import { Random } from "../../random.js";

/** Blocks that the moments are divided into: a trial holds out what is within one, or between two. */
const BLOCKS = 8;
const SEED = "taste";

/** Of two photos the moments that they are of. */
export type Moments2 = readonly [better: number, worse: number];

export interface Trial {
  /** Places of the answers that are held out. */
  readonly held: readonly number[];
  /** Of those that are learned of: none is about a photo of a moment that the held ones are about. */
  readonly learned: readonly number[];
}

/**
 * Every answer is held out once. Answers share photos, and who has learned that a photo is liked knows a part of every further answer
 * about it, without knowing anything of the taste: so both photos of an answer that is held out have to be unseen.
 */
export function* trialsOf(answers: readonly Moments2[]): Generator<Trial> {
  const blocks = blocksOf(answers);
  const blockOf = (moment: number): number => blocks.get(moment) as number;
  const ends = answers.map(([better, worse]) => [blockOf(better), blockOf(worse)] as const);
  for (let first = 0; first < BLOCKS; first++) {
    for (let second = first; second < BLOCKS; second++) {
      const isOut = (block: number): boolean => block === first || block === second;
      const places = (which: (a: number, b: number) => boolean): number[] =>
        ends.flatMap(([a, b], at) => (which(a, b) ? [at] : []));
      const held = places((a, b) => Math.min(a, b) === first && Math.max(a, b) === second);
      if (held.length > 0) yield { held, learned: places((a, b) => !isOut(a) && !isOut(b)) };
    }
  }
}

/** The block of each moment. Moments that answers join stay together where they are few: then little is lost between blocks. */
function blocksOf(answers: readonly Moments2[]): Map<number, number> {
  const joined = components(answers.flat(), answers);
  const counts = groupBy(answers, ([better]) => joined.get(better));
  const units = groupBy(joined.keys(), (moment) => {
    const component = joined.get(moment) as number;
    return (counts.get(component)?.length ?? 0) > answers.length / BLOCKS ? `moment ${moment}` : component;
  });
  const order = new Random(SEED, "blocks").permutation(units.size);
  return new Map([...units.values()].flatMap((moments, at) => moments.map((moment) => [moment, (order[at] as number) % BLOCKS] as const))); // prettier-ignore
}
