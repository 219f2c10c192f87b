/**
 * Seeded random numbers: sfc32 (the small fast counter of PractRand's author, Chris Doty-Humphrey), 128 bits of state.
 *
 * A stream is named by its seed and any number of further keys, `new Random(seed, index, "noise")`: streams of
 * different names are independent, so that what one part draws never shifts what another part gets.
 */

/**
 * A part of a stream's name. Numbers and strings that print alike name the same stream.
 *
 * @category Data sets
 */
export type SeedPart = string | number;

/** A deterministic stream of random numbers: same name, same numbers, on every machine. */
export class Random {
  readonly #state: Uint32Array;

  constructor(...name: readonly SeedPart[]) {
    this.#state = stateOf(name.join("\u0000"));
    for (let i = 0; i < 12; i++) this.#next32();
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    return this.#next32() / 2 ** 32;
  }

  /** Uniform in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Uniform whole number in [0, bound); `bound` is at most 2^32. */
  int(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Normal with the given mean and standard deviation (Box and Muller). */
  gaussian(mean = 0, std = 1): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return mean + std * radius * Math.cos(2 * Math.PI * this.next());
  }

  /** True with probability `p`. */
  chance(p: number): boolean {
    return this.next() < p;
  }

  /** One of `items`, each as likely as the others; `items` is not empty. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.int(items.length)] ?? items[0];
  }

  /** The whole numbers 0..size-1 in a random order (Fisher and Yates). */
  permutation(size: number): Uint32Array {
    const order = Uint32Array.from({ length: size }, (_, i) => i);
    for (let i = size - 1; i > 0; i--) {
      const j = this.int(i + 1);
      const kept = order[i] as number;
      order[i] = order[j] as number;
      order[j] = kept;
    }
    return order;
  }

  #next32(): number {
    const s = this.#state;
    // By index: destructuring would go through an iterator, six times slower.
    const [a, b, c, d] = [s[0] as number, s[1] as number, s[2] as number, s[3] as number];
    const out = (a + b + d) >>> 0;
    s[0] = b ^ (b >>> 9);
    s[1] = c + (c << 3);
    s[2] = ((c << 21) | (c >>> 11)) + out;
    s[3] = d + 1;
    return out;
  }
}

/** Four words from a name: FNV-1a over its UTF-16 units from four starts, each finished as MurmurHash3 finishes. */
function stateOf(name: string): Uint32Array {
  return Uint32Array.from([0x811c9dc5, 0x9e3779b9, 0x243f6a88, 0xb7e15162], (start) => {
    let h = start;
    for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return h ^ (h >>> 16);
  });
}
