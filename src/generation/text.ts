/** The text of a sequence as it grows, up to a stop string. */
import { TextStream, type Tokenizer } from "../tokenizers/index.js";

/** Whole characters as they become certain; what may be the beginning of a stop string is held back. */
export class GrowingText {
  /** All that was returned. */
  text = "";
  /** Whether a stop string came; nothing is pushed after it. */
  stopped = false;
  readonly #stream: TextStream;
  #held = "";

  constructor(
    tokenizer: Tokenizer,
    private readonly stopStrings: readonly string[],
  ) {
    this.#stream = new TextStream(tokenizer, { skipSpecialTokens: true });
  }

  /** Takes the next token; returns the text that is now certain. */
  push(id: number): string {
    return this.#take(this.#stream.push(id), false);
  }

  /** What was still held back. */
  end(): string {
    return this.#take(this.#stream.end(), true);
  }

  #take(piece: string, last: boolean): string {
    const text = this.#held + piece;
    const stops = this.stopStrings.map((stop) => text.indexOf(stop)).filter((at) => at >= 0);
    this.stopped = stops.length > 0;
    const certain = this.stopped ? Math.min(...stops) : text.length - (last ? 0 : this.#beginning(text));
    this.#held = this.stopped ? "" : text.slice(certain);
    const shown = text.slice(0, certain);
    this.text += shown;
    return shown;
  }

  /** Length of the longest end of `text` with which a stop string begins. */
  #beginning(text: string): number {
    const longest = Math.max(0, ...this.stopStrings.map((stop) => stop.length - 1));
    for (let length = Math.min(longest, text.length); length > 0; length--) {
      const end = text.slice(text.length - length);
      if (this.stopStrings.some((stop) => stop.startsWith(end))) return length;
    }
    return 0;
  }
}
