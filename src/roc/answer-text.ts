/** The text of an answer as its tokens come, with numbers in the places of scores. */
import { TextStream } from "../tokenizers/stream.js";
import type { Tokenizer } from "../tokenizers/types.js";

export class AnswerText {
  #text = "";
  readonly #stream: TextStream;
  /** Whether the tokenizer strips the blanks round a score's token, so that ids hold none (see tokenizers/slow-rules.ts). */
  readonly #apart: boolean;
  #afterScore = false;

  /** @param scoreId a token that stands for a score; undefined: there is none */
  constructor(tokenizer: Tokenizer, scoreId: number | undefined) {
    this.#stream = new TextStream(tokenizer, { skipSpecialTokens: true });
    this.#apart = scoreId !== undefined && eatsBlanks(tokenizer, scoreId);
  }

  /** What has come so far. */
  get text(): string {
    return this.#text;
  }

  /**
   * Adds the next token; returns what it adds to the text.
   *
   * @param number what is shown for a score's token; undefined for every other
   * @param last nothing follows
   */
  push(tokenId: number, number: string | undefined, last = false): string {
    // Tokenizers encode piece by piece between added tokens, so text is decoded piece by piece between numbers.
    const added = number === undefined ? this.#stream.push(tokenId) : this.#stream.end() + number;
    const piece = last ? added + this.#stream.end() : added;
    const besideScore = number !== undefined || this.#afterScore;
    const shown = this.#apart && besideScore && isBlankMissing(this.#text, piece) ? ` ${piece}` : piece;
    this.#afterScore = number !== undefined || (this.#afterScore && piece === "");
    this.#text += shown;
    return shown;
  }

  /** The whole text: nothing follows. */
  end(): string {
    this.#text += this.#stream.end();
    return this.#text;
  }
}

function eatsBlanks(tokenizer: Tokenizer, id: number): boolean {
  return tokenizer.decode([id, id]) !== tokenizer.decode([id]).repeat(2);
}

/** Whether a word and a number touch. */
function isBlankMissing(text: string, next: string): boolean {
  return /[\p{L}\p{N}]$/u.test(text) && /^[\p{L}\p{N}]/u.test(next);
}
