/** Cuts text at added tokens, as Python's `tokenizers` does it. */
import type { AddedToken } from "./files.js";
import { LongestMatch } from "./longest.js";

/** A stretch of text, or an added token in its place. */
export interface Segment {
  readonly text: string;
  readonly token?: AddedToken;
  /** Where it begins in the text that was cut, in UTF-16 units. */
  readonly start: number;
}

const WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const WORD_BEFORE = new RegExp(`${WORD}$`, "u");
const WORD_AFTER = new RegExp(`^${WORD}`, "u");

/** Finds added tokens in text: leftmost first, the longest of those that begin there. */
export class Splitter {
  readonly #match: LongestMatch;

  /**
   * @param tokens what to find, by the text that stands for each (normalized where the token is)
   * @param white what stripping takes off; default: Unicode's white space
   */
  constructor(
    private readonly tokens: ReadonlyMap<string, AddedToken>,
    private readonly white: RegExp = WHITE,
  ) {
    this.#match = new LongestMatch(tokens.keys());
  }

  split(text: string): Segment[] {
    const segments: Segment[] = [];
    let end = 0;
    for (let start = 0; start < text.length;) {
      const found = this.#match.at(text, start);
      const token = found === undefined ? undefined : this.tokens.get(found);
      const stop = start + (found ?? text.charAt(start)).length;
      if (token && !(token.single_word && isInsideWord(text, start, stop))) {
        const from = token.lstrip ? this.#whiteFrom(text, start, end) : start;
        if (end < from) segments.push({ text: text.slice(end, from), start: end });
        end = token.rstrip ? this.#whiteTo(text, stop) : stop;
        segments.push({ text: text.slice(from, end), token, start: from });
      }
      start = stop;
    }
    if (end < text.length) segments.push({ text: text.slice(end), start: end });
    return segments;
  }

  // Looked at a character at a time: texts of many tokens would else take quadratic time.

  /** Where the white space that ends at `at` begins, not before `floor`. */
  #whiteFrom(text: string, at: number, floor: number): number {
    let from = at;
    while (from > floor && this.white.test(text.charAt(from - 1))) from--;
    return from;
  }

  /** Where the white space that begins at `at` ends. */
  #whiteTo(text: string, at: number): number {
    let to = at;
    while (this.white.test(text.charAt(to))) to++;
    return to;
  }
}

const WHITE = /\p{White_Space}/u;

/** What Python's str.strip() takes off: four separators more. */
export const PYTHON_WHITE = /[\p{White_Space}\x1c-\x1f]/u;

/** Whether a character of a word, of one or two units, stands at either side. */
function isInsideWord(text: string, start: number, stop: number): boolean {
  return WORD_BEFORE.test(text.slice(Math.max(0, start - 2), start)) || WORD_AFTER.test(text.slice(stop, stop + 2));
}
