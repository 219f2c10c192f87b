/** Splits text at added tokens, as Python's `tokenizers` does. */
import type { AddedToken } from "./files.js";
import { LongestMatch } from "./longest.js";

/** A segment of text, or an added token at its position. */
export interface Segment {
  readonly text: string;
  readonly token?: AddedToken;
  /** Its start in the whole text, in UTF-16 units. */
  readonly start: number;
}

const WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const WORD_BEFORE = new RegExp(`${WORD}$`, "u");
const WORD_AFTER = new RegExp(`^${WORD}`, "u");

/** Finds added tokens in text: leftmost first, the longest of those that start there. */
export class Splitter {
  readonly #match: LongestMatch;

  /**
   * @param tokens what to find, by matched text (normalized where the token is)
   * @param white the characters that stripping removes; default: Unicode's white space
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

  // Scanned character by character: otherwise texts of many tokens would take quadratic time.

  /** Start of the white space that ends at `at`, not before `floor`. */
  #whiteFrom(text: string, at: number, floor: number): number {
    let from = at;
    while (from > floor && this.white.test(text.charAt(from - 1))) from--;
    return from;
  }

  /** End of the white space that starts at `at`. */
  #whiteTo(text: string, at: number): number {
    let to = at;
    while (this.white.test(text.charAt(to))) to++;
    return to;
  }
}

const WHITE = /\p{White_Space}/u;

/** The characters that Python's str.strip() removes: four more separators. */
export const PYTHON_WHITE = /[\p{White_Space}\x1c-\x1f]/u;

/** Whether a word character, of one or two units, is adjacent on either side. */
function isInsideWord(text: string, start: number, stop: number): boolean {
  return WORD_BEFORE.test(text.slice(Math.max(0, start - 2), start)) || WORD_AFTER.test(text.slice(stop, stop + 2));
}
