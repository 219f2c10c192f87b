/** Sets of pictures as what a run trains on. */
import { groupBy } from "../../data/group-by.js";
import type { Sample } from "../../data/index.js";
import { RocError } from "../../errors.js";

/** Pictures of a prompt at most. */
export const MOST_IN_SET = 8;

/** A set of pictures as one sample: its first picture, and the others of it. */
export interface SetSample extends Sample {
  readonly others: readonly Sample[];
}

/** The pictures of each set, in the order of their first ones. A picture without a set is one by itself. */
export function picturesBySet(samples: readonly Sample[]): Sample[][] {
  return [...groupBy<Sample, string | Sample>(samples, (sample) => sample.set ?? sample).values()];
}

/**
 * One sample a set, in the order of their first pictures. A picture without a set is one by itself.
 *
 * @throws RocError DATA_INVALID where no set has two pictures
 */
export function setsOf(samples: readonly Sample[]): SetSample[] {
  const all = picturesBySet(samples);
  if (all.every(({ length }) => length < 2)) {
    const remedy = 'Name the sets in a column "set" of your labels, or take another strategy';
    throw new RocError("DATA_INVALID", `The strategy set needs sets of two pictures or more to train on. ${remedy}.`);
  }
  return all.map(([first, ...others]) => ({ ...(first as Sample), others }));
}

/** The other pictures of a sample that is a set. */
export function othersOf(sample: Sample): readonly Sample[] {
  return "others" in sample ? (sample as SetSample).others : [];
}
