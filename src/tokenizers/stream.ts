/** Decoding as tokens arrive. */
import { fallbackByte } from "./decoder.js";
import type { Tokenizer } from "./types.js";

/**
 * Incremental text of a growing sequence of ids. The pieces that {@link push} and {@link end} return are whole characters,
 * and their concatenation is `tokenizer.decode(ids, options)` of all of them.
 *
 * Held back: an unfinished character of byte-level tokens (the text ends in U+FFFD), and a run of byte-fallback tokens
 * until another token ends it, because one invalid byte makes the whole run U+FFFD.
 */
export class TextStream {
  readonly #tokenizer: Tokenizer;
  readonly #skip: boolean;
  /** Ids whose text has been returned but which the next decoding needs as context: "▁a" at the start loses its space. */
  #context: number[] = [];
  #pending: number[] = [];

  constructor(tokenizer: Tokenizer, options: { skipSpecialTokens?: boolean } = {}) {
    this.#tokenizer = tokenizer;
    this.#skip = options.skipSpecialTokens ?? false;
  }

  /** Adds the next id; returns the text that is now final, often one word, sometimes nothing. */
  push(id: number): string {
    const token = this.#tokenizer.idToToken(id);
    if (token === undefined || this.#isSkipped(id)) return "";
    this.#pending.push(id);
    return fallbackByte(token) === undefined ? this.#take(false) : "";
  }

  /** The text that was still held back. The stream can then be used for another sequence. */
  end(): string {
    const text = this.#take(true);
    this.#context = [];
    this.#pending = [];
    return text;
  }

  #take(all: boolean): string {
    const before = this.#decode(this.#context);
    const text = this.#decode([...this.#context, ...this.#pending]).slice(before.length);
    if (text === "" || (!all && text.endsWith("\ufffd"))) return "";
    // A context without text would count as the start of the text.
    this.#context = this.#decode(this.#pending) === "" ? [...this.#context, ...this.#pending] : this.#pending;
    this.#pending = [];
    return text;
  }

  #decode(ids: readonly number[]): string {
    return this.#tokenizer.decode(ids, { skipSpecialTokens: this.#skip });
  }

  /** A special token that decoding leaves out; a single "▁" also decodes to nothing, but not only when skipping. */
  #isSkipped(id: number): boolean {
    return this.#skip && this.#decode([id]) === "" && this.#tokenizer.decode([id]) !== "";
  }
}
