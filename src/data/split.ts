/** Seeded splits that do not depend on the order of a data set. */
import { RocError } from "../errors.js";
import { Random, type SeedPart } from "../random.js";
import type { Split } from "./types.js";

/**
 * A seeded share of `ids`: the `round(fraction * ids.length)` ids that come first when all are sorted by a hash of
 * (seed, id). The order of `ids` does not matter, and an id keeps its split when others are added or removed.
 *
 * @param fraction in [0, 1]
 */
export function seededPart(ids: readonly string[], fraction: number, seed: SeedPart): Set<string> {
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new RocError("USAGE", `The fraction of a split is ${fraction}; give a number from 0 to 1.`);
  }
  const keyed = ids.map((id) => ({ id, key: new Random(seed, "split", id).next() }));
  keyed.sort((a, b) => a.key - b.key || (a.id < b.id ? -1 : 1));
  return new Set(keyed.slice(0, Math.round(fraction * ids.length)).map(({ id }) => id));
}

/** Share of a test part that is drawn where a data set has no official one. */
const TEST_SHARE = 0.2;

/**
 * Draws a test part, the same one whatever the seed of a run, so that no run trains on what another tests on. Pictures of a
 * group stay together.
 *
 * @param notes receives a sentence on it
 */
export function drawTest<T extends { readonly id: string; readonly group?: string }>(
  rated: readonly T[],
  name: string,
  notes: string[],
): (T & { readonly split: Split })[] {
  const keyOf = ({ id, group = id }: T): string => group;
  const keys = new Set(rated.map(keyOf));
  const test = seededPart([...keys], TEST_SHARE, `${name}, test part`);
  const drawn = rated.map((one) => ({ ...one, split: test.has(keyOf(one)) ? ("test" as const) : ("train" as const) }));
  const count = drawn.filter(({ split }) => split === "test").length;
  notes.push(
    `No official split in ${name}: a fifth is the test part, ${count} of ${rated.length}, by this program's draw.`,
  );
  return drawn;
}

const SPLIT_NAMES: ReadonlyMap<string, Split> = new Map([
  ...["train", "training", "restval"].map((name) => [name, "train"] as const),
  ...["validation", "val", "valid", "dev"].map((name) => [name, "validation"] as const),
  ...["test", "testing"].map((name) => [name, "test"] as const),
]);

/** The split named by a word of a label file; undefined for an unknown word. */
export function splitOf(word: string): Split | undefined {
  return SPLIT_NAMES.get(word.trim().toLowerCase());
}
