/** Finds the longest of many texts at a position, by first character and length, so that a million of them cost little. */
export class LongestMatch {
  readonly #texts: ReadonlySet<string>;
  /** Occurring lengths, longest first, by first UTF-16 unit. */
  readonly #lengths = new Map<string, number[]>();

  constructor(texts: Iterable<string>) {
    this.#texts = new Set([...texts].filter((text) => text !== ""));
    const found = new Map<string, Set<number>>();
    for (const text of this.#texts) {
      const lengths = found.get(text.charAt(0)) ?? new Set();
      found.set(text.charAt(0), lengths.add(text.length));
    }
    for (const [first, lengths] of found) {
      this.#lengths.set(
        first,
        [...lengths].sort((a, b) => b - a),
      );
    }
  }

  /** The longest text at `at`, in UTF-16 units. */
  at(text: string, at: number): string | undefined {
    for (const length of this.#lengths.get(text.charAt(at)) ?? []) {
      if (length > text.length - at) continue;
      const piece = text.slice(at, at + length);
      if (this.#texts.has(piece)) return piece;
    }
    return undefined;
  }
}
