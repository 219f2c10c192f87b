/** Pictures of different splits that look alike: copies that were resized, recompressed, mirrored or slightly cropped. */
import { setImmediate } from "node:timers/promises";
import { RocError } from "../../errors.js";
import { likeness, matches, VIEWS, type Fingerprint, type View } from "./fingerprint.js";

/**
 * A hash is looked up by parts of this many bits, of which one may differ: hashes at a small Hamming distance share such a
 * part.
 */
const [PART_BITS, PARTS] = [16, 4];
/** Maximum Hamming distance of candidates. */
const MOST_BITS = 12;
/** Correlation from which two pictures count as copies; distinct pictures of the studio are below it. */
const ALIKE = 0.96;
/** Maximum entries examined per part value, so that many pictures of similar layout do not make it slow. */
const MOST_OF_A_KIND = 400;

/** Pictures between two yields to the event loop. */
const AT_ONCE = 256;

/** Two pictures that look alike, by their indices in the list. */
export interface Pair {
  readonly first: number;
  readonly second: number;
}

export interface Found {
  readonly pairs: readonly Pair[];
  /** Whether so many pictures look alike that not all were compared. */
  readonly cut: boolean;
}

/**
 * Pairs that look alike, of different groups. Time is linear in the number of pictures, not of pairs: hashes are indexed
 * by their parts (multi-index hashing).
 *
 * @param prints by picture; undefined for one that is not compared
 * @param groupOf the split of a picture: pairs of one group are not looked for
 * @throws RocError ABORTED on the signal
 */
export async function nearPairs<Group>(
  prints: readonly (Fingerprint | undefined)[],
  groupOf: (index: number) => Group,
  signal?: AbortSignal,
): Promise<Found> {
  const pairs = new Map<number, Pair>();
  let cut = false;
  for (const group of new Set(prints.map((_, i) => groupOf(i)))) {
    const index = new HashIndex(prints, (i) => groupOf(i) === group);
    for (const [a, print] of prints.entries()) {
      // Yield to the event loop.
      if (a % AT_ONCE === 0) await setImmediate();
      if (signal?.aborted) throw new RocError("ABORTED", "Stopped while pictures were compared.");
      if (print && groupOf(a) !== group) copiesOf(print, a, prints, index, pairs);
    }
    cut ||= index.cut;
  }
  return { pairs: [...pairs.values()].sort((p, q) => p.first - q.first || p.second - q.second), cut };
}

/** Pictures of an index that show a view of this one. */
function copiesOf(
  print: Fingerprint,
  a: number,
  prints: readonly (Fingerprint | undefined)[],
  index: HashIndex,
  pairs: Map<number, Pair>,
): void {
  VIEWS.forEach((view: View, v) => {
    for (const b of index.near(print.hashes[2 * v] as number, print.hashes[2 * v + 1] as number)) {
      const other = prints[b] as Fingerprint;
      const [first, second] = [Math.min(a, b), Math.max(a, b)];
      const key = first * prints.length + second;
      if (pairs.has(key) || !matches(print, other)) continue;
      if (likeness(print.grey, view, other.grey) >= ALIKE) pairs.set(key, { first, second });
    }
  });
}

/** Hashes of whole pictures by each of their parts. */
class HashIndex {
  cut = false;
  /** Two per picture. */
  readonly #words: Int32Array;
  /** By part and value: start of its pictures in `#pictures`. */
  readonly #starts: readonly Int32Array[];
  readonly #pictures: readonly Int32Array[];

  constructor(prints: readonly (Fingerprint | undefined)[], isMember: (index: number) => boolean) {
    this.#words = new Int32Array(2 * prints.length);
    const members: number[] = [];
    prints.forEach((print, i) => {
      if (!print || !isMember(i)) return;
      this.#words.set(print.hashes.subarray(0, 2), 2 * i);
      members.push(i);
    });
    const tables = Array.from({ length: PARTS }, (_, part) => this.#table(members, part));
    this.#starts = tables.map(([starts]) => starts);
    this.#pictures = tables.map(([, pictures]) => pictures);
  }

  /** A counting sort by the part's value. */
  #table(members: readonly number[], part: number): [Int32Array, Int32Array] {
    const starts = new Int32Array((1 << PART_BITS) + 1);
    const valueOf = (picture: number): number => partOf(this.#words[2 * picture] as number, this.#words[2 * picture + 1] as number, part); // prettier-ignore
    for (const picture of members) (starts[valueOf(picture) + 1] as number)++;
    for (let value = 0; value < 1 << PART_BITS; value++) (starts[value + 1] as number) += starts[value] as number;
    const [next, pictures] = [starts.slice(), new Int32Array(members.length)];
    for (const picture of members) {
      const value = valueOf(picture);
      pictures[next[value] as number] = picture;
      (next[value] as number)++;
    }
    return [starts, pictures];
  }

  /** Pictures whose hash differs in few bits, each once. */
  near(high: number, low: number): readonly number[] {
    const found: number[] = [];
    for (let part = 0; part < PARTS; part++) {
      const [starts, pictures] = [this.#starts[part] as Int32Array, this.#pictures[part] as Int32Array];
      const value = partOf(high, low, part);
      // The value itself, then with each of its bits flipped.
      for (let bit = -1; bit < PART_BITS; bit++) {
        const probe = bit < 0 ? value : value ^ (1 << bit);
        const [from, to] = [starts[probe] as number, starts[probe + 1] as number];
        if (from === to) continue;
        const end = Math.min(to, from + MOST_OF_A_KIND);
        if (end < to) this.cut = true;
        for (let i = from; i < end; i++) {
          const picture = pictures[i] as number;
          const [first, second] = [this.#words[2 * picture] as number, this.#words[2 * picture + 1] as number];
          if (ones(first ^ high) + ones(second ^ low) <= MOST_BITS && !found.includes(picture)) found.push(picture);
        }
      }
    }
    return found;
  }
}

function partOf(high: number, low: number, part: number): number {
  const word = part < 2 ? high : low;
  return part % 2 === 0 ? word & 0xffff : word >>> 16;
}

/** Number of set bits of a word. */
function ones(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
