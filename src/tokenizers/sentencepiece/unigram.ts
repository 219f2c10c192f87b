/** The unigram language model's most likely pieces, found by SentencePiece's one-pass search. */
import type { Piece } from "./model.js";
import { PIECE_TYPES } from "./model.js";
import { characterAt } from "./normalizer.js";

/** Penalty of an unknown character relative to the worst piece. */
const UNKNOWN_PENALTY = 10;
/** The smallest positive float32: the initial value of SentencePiece's search for the best score. */
const FLOAT_MIN = 2 ** -126;

interface Best {
  score: number;
  /** Start of the last piece; -1: no piece ends here. */
  from: number;
}

/** Splits normalized text into pieces; those outside the vocabulary are single characters. */
export type UnigramSplit = (text: string) => string[];

export function makeUnigram(pieces: readonly Piece[], mergeable: ReadonlyMap<string, number>): UnigramSplit {
  const scores = pieces.filter(({ type }) => type === PIECE_TYPES.normal).map(({ score }) => score);
  const unknown = Math.fround(scores.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY);
  const top = scores.reduce((a, b) => Math.max(a, b), FLOAT_MIN);
  const longest = [...mergeable.keys()].reduce((max, text) => Math.max(max, text.length), 0);
  /** Score of a piece, in text of `bytes` UTF-8 bytes; undefined for one that must not be used. */
  const scoreOf = (text: string): number | undefined => {
    const piece = pieces[mergeable.get(text) ?? -1];
    if (!piece || piece.type === PIECE_TYPES.unused) return undefined;
    // A user-defined symbol outscores any other segmentation of its text.
    return piece.type === PIECE_TYPES.userDefined ? Math.fround(Buffer.byteLength(text) * top) - 0.1 : piece.score;
  };
  return (text) => traceBack(text, search(text, longest, scoreOf, unknown));
}

function search(text: string, longest: number, scoreOf: (text: string) => number | undefined, unknown: number): Best[] {
  const best = Array.from({ length: text.length + 1 }, (): Best => ({ score: 0, from: -1 }));
  const reach = (from: number, to: number, score: number): void => {
    const target = best[to];
    if (!target || (target.from !== -1 && score <= target.score)) return;
    target.score = Math.fround(score);
    target.from = from;
  };
  for (let from = 0; from < text.length;) {
    const before = best[from]?.score ?? 0;
    const single = from + characterAt(text, from).length;
    let hasSingle = false;
    for (let to = single; to <= text.length && to - from <= longest; to += characterAt(text, to).length || 1) {
      const score = scoreOf(text.slice(from, to));
      if (score === undefined) continue;
      reach(from, to, score + before);
      hasSingle ||= to === single;
    }
    if (!hasSingle) reach(from, single, Math.fround(unknown + before));
    from = single;
  }
  return best;
}

function traceBack(text: string, best: readonly Best[]): string[] {
  const pieces: string[] = [];
  for (let to = text.length; to > 0;) {
    const from = best[to]?.from ?? 0;
    pieces.push(text.slice(from, to));
    to = from;
  }
  return pieces.reverse();
}
