/**
 * Photos that belong together, from pairs that do.
 *
 * Groups are joined from the most alike on, as long as their pairs speak for it on average: a group holds together round all
 * of its members, so that a row in which each picture is like the next alone (A, B, C, D) falls into parts. Everything is
 * done in the order of times and paths: the same groups, in whatever order the photos are given.
 */
import { APART, COPY_BITS, margin, WINDOW, type GroupingPhoto } from "./pairs.js";

/**
 * Groups of photos: every photo is in one, most of them alone. In the order of their first members, members in the order of
 * time; photos without a time last.
 */
export function groupPhotos<P extends GroupingPhoto>(photos: readonly P[]): P[][] {
  const sorted = [...photos].sort(byTime);
  const margins = new Margins(sorted);
  return parts(sorted.length, margins)
    .flatMap((part) => joined(part, margins))
    .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
    .map((group) => group.map((index) => sorted[index] as P));
}

/** By time, then by path; without a time last. */
export function byTime(a: GroupingPhoto, b: GroupingPhoto): number {
  const [first, second] = [a.time ?? Infinity, b.time ?? Infinity];
  if (first !== second) return first < second ? -1 : 1;
  return a.file < b.file ? -1 : Number(a.file > b.file);
}

/** What pairs of photos say, by their places in the order; pairs that are not there are {@link APART}. */
class Margins {
  readonly #byPair = new Map<number, number>();

  constructor(private readonly photos: readonly GroupingPhoto[]) {
    for (const [a, b] of candidates(photos)) {
      const key = this.#key(a, b);
      if (this.#byPair.has(key)) continue;
      this.#byPair.set(key, margin(photos[a] as GroupingPhoto, photos[b] as GroupingPhoto));
    }
  }

  between(a: number, b: number): number {
    return this.#byPair.get(this.#key(Math.min(a, b), Math.max(a, b))) ?? APART;
  }

  /** Pairs that belong together, were there no others. */
  *alike(): Generator<readonly [number, number]> {
    const { length } = this.photos;
    for (const [key, value] of this.#byPair) if (value > 0) yield [Math.floor(key / length), key % length];
  }

  #key(a: number, b: number): number {
    return a * this.photos.length + b;
  }
}

/** Pairs that are worth a comparison, the earlier one first: near in time, or with nearly the same hash. */
function* candidates(photos: readonly GroupingPhoto[]): Generator<readonly [number, number]> {
  const timed = photos.findLastIndex(({ time }) => time !== undefined) + 1;
  for (let a = 0; a < timed; a++)
    for (let b = a + 1; b < timed && (photos[b]?.time ?? 0) - (photos[a]?.time ?? 0) <= WINDOW; b++) yield [a, b];
  yield* sameHashes(photos, timed);
}

/**
 * Pairs of a photo without a time with another one: of the hash's {@link COPY_BITS} + 1 parts at least one is the same where no
 * more than COPY_BITS bits differ.
 */
function* sameHashes(photos: readonly GroupingPhoto[], timed: number): Generator<readonly [number, number]> {
  if (timed === photos.length) return;
  const parts = BigInt(COPY_BITS + 1);
  const bits = 64n / parts;
  for (let part = 0n; part < parts; part++) {
    const byPart = new Map<bigint, number[]>();
    for (const [b, { look }] of photos.entries()) {
      const value = BigInt.asUintN(Number(bits), look.hash >> (part * bits));
      const before = byPart.get(value) ?? [];
      if (b >= timed) for (const a of before) yield [a, b];
      byPart.set(value, [...before, b]);
    }
  }
}

/** Photos that pairs connect, however far: no group has members of two of them. */
function parts(count: number, margins: Margins): number[][] {
  const root = Array.from({ length: count }, (_, index) => index);
  const find = (index: number): number => {
    let at = index;
    while (root[at] !== at) at = root[at] = root[root[at] as number] as number;
    return at;
  };
  for (const [a, b] of margins.alike()) root[Math.max(find(a), find(b))] = Math.min(find(a), find(b));
  const byRoot = new Map<number, number[]>();
  for (const index of root.keys()) byRoot.set(find(index), [...(byRoot.get(find(index)) ?? []), index]);
  return [...byRoot.values()];
}

/** Joins the two groups whose pairs have the highest mean, until no mean speaks for it. */
function joined(part: readonly number[], margins: Margins): number[][] {
  const groups = part.map(
    (index) =>
      new Group(
        [index],
        Float64Array.from(part, (b) => margins.between(index, b)),
      ),
  );
  const row = (a: number): Group => groups[a] as Group;
  const find = (a: number): void => row(a).find(groups, a);
  groups.forEach((_, a) => find(a));
  for (;;) {
    // The first where several have the highest.
    const a = groups.reduce((best, { mean }, i) => (mean > (groups[best]?.mean ?? 0) ? i : best), -1);
    if (a < 0) return groups.filter(({ members }) => members.length > 0).map(({ members }) => members);
    const b = row(a).partner;
    row(a).take(row(b));
    for (const [c, group] of groups.entries()) {
      group.sums[a] = row(a).sums[c] ?? 0;
      // The others' best partner is still theirs: a mean with the joined group lies between those with its two parts.
      if (c === a || group.partner === a || group.partner === b) find(c);
    }
  }
}

/** A group while it grows: its members, and what its pairs with every other group say together. */
class Group {
  /** The later group with the highest mean above 0, and that mean. */
  partner = -1;
  mean = 0;

  constructor(
    public members: number[],
    readonly sums: Float64Array,
  ) {}

  take(other: Group): void {
    this.members = [...this.members, ...other.members].sort((a, b) => a - b);
    other.members = [];
    other.sums.forEach((sum, c) => (this.sums[c] = (this.sums[c] ?? 0) + sum));
  }

  find(groups: readonly Group[], own: number): void {
    [this.partner, this.mean] = [-1, 0];
    for (let b = own + 1; b < groups.length && this.members.length > 0; b++) {
      const pairs = this.members.length * (groups[b]?.members.length ?? 0);
      const mean = pairs === 0 ? 0 : (this.sums[b] ?? 0) / pairs;
      if (mean > this.mean) [this.partner, this.mean] = [b, mean];
    }
  }
}
