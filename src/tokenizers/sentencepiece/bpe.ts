/** Byte pair encoding by scores of pieces, as SentencePiece does it: the best pair first, the leftmost on ties. */
import { characterAt, type PrefixMatch } from "./normalizer.js";

/** The information on pieces that merging needs. */
export interface Vocabulary {
  /** Id of a piece that text may be merged into. */
  readonly mergeable: ReadonlyMap<string, number>;
  readonly score: (id: number) => number;
  /** An intermediate piece of merges that is split again at the end. */
  readonly isUnused: (id: number) => boolean;
  readonly userDefined: PrefixMatch;
}

interface Symbol {
  text: string;
  previous: number;
  next: number;
  /** A user-defined symbol, which is never merged. */
  readonly frozen: boolean;
}

interface Pair {
  readonly left: number;
  readonly right: number;
  readonly score: number;
  /** Length of the merged text; where it is no longer that of its two symbols, the pair is stale. */
  readonly length: number;
}

/** Pieces of a normalized text; those outside the vocabulary are single characters. */
export function mergePairs(text: string, vocabulary: Vocabulary): string[] {
  const { mergeable, score, isUnused } = vocabulary;
  const symbols = splitSymbols(text, vocabulary.userDefined);
  const queue = new PairQueue();
  const halves = new Map<string, readonly [string, string]>();
  const offer = (left: number, right: number): void => {
    const [a, b] = [symbols[left], symbols[right]];
    if (!a || !b || a.frozen || b.frozen) return;
    const merged = a.text + b.text;
    const id = mergeable.get(merged);
    if (id === undefined) return;
    queue.push({ left, right, score: score(id), length: merged.length });
    if (isUnused(id)) halves.set(merged, [a.text, b.text]);
  };
  for (let right = 1; right < symbols.length; right++) offer(right - 1, right);
  for (let pair = queue.pop(); pair; pair = queue.pop()) {
    const [a, b] = [symbols[pair.left], symbols[pair.right]];
    if (!a || !b || a.text === "" || b.text === "" || a.text.length + b.text.length !== pair.length) continue;
    a.text += b.text;
    b.text = "";
    a.next = b.next;
    const after = symbols[b.next];
    if (after) after.previous = pair.left;
    offer(a.previous, pair.left);
    offer(pair.left, a.next);
  }
  return symbols.flatMap((symbol) => (symbol.text === "" ? [] : takeApart(symbol.text, halves)));
}

function splitSymbols(text: string, userDefined: PrefixMatch): Symbol[] {
  const symbols: Symbol[] = [];
  for (let at = 0; at < text.length;) {
    const defined = userDefined(text, at);
    const piece = defined ?? characterAt(text, at);
    at += piece.length;
    const next = at < text.length ? symbols.length + 1 : -1;
    symbols.push({ text: piece, previous: symbols.length - 1, next, frozen: defined !== undefined });
  }
  return symbols;
}

/** An unused piece is split into the two that it was merged from. */
function takeApart(piece: string, halves: ReadonlyMap<string, readonly [string, string]>): string[] {
  const pair = halves.get(piece);
  return pair ? pair.flatMap((half) => takeApart(half, halves)) : [piece];
}

/** A binary heap of pairs. */
class PairQueue {
  readonly #heap: Pair[] = [];

  push(pair: Pair): void {
    const heap = this.#heap;
    let at = heap.push(pair) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (!parent || !isBefore(pair, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = pair;
  }

  pop(): Pair | undefined {
    const heap = this.#heap;
    const best = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) this.#sink(last);
    return best;
  }

  #sink(pair: Pair): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const child = left && right && isBefore(right, left) ? right : left;
      if (!child || !isBefore(child, pair)) break;
      heap[at] = child;
      at = 2 * at + (child === right ? 2 : 1);
    }
    heap[at] = pair;
  }
}

function isBefore(a: Pair, b: Pair): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}
