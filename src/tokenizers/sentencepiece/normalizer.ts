/** Text normalization before encoding, as in SentencePiece's normalizer. */
import { RocError } from "../../errors.js";
import { LongestMatch } from "../longest.js";
import type { NormalizerSpec } from "./model.js";

/** U+2581, which represents a space inside pieces. */
export const SPACE = "\u2581";

/** Finds the longest of some symbols at a position in a text. */
export type PrefixMatch = (text: string, at: number) => string | undefined;

export function prefixMatcher(symbols: readonly string[]): PrefixMatch {
  const longest = new LongestMatch(symbols);
  return (text, at) => longest.at(text, at);
}

/** The character at `at`: one code point. */
export function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? "" : String.fromCodePoint(code);
}

/**
 * Creates the normalizer of a model.
 *
 * @param userDefined finds the symbols that are not normalized
 * @param file path of the model, for messages
 * @throws RocError TOKENIZER_INVALID for a damaged table of replacements
 */
export function makeNormalizer(spec: NormalizerSpec, userDefined: PrefixMatch, file: string): (text: string) => string {
  const table = spec.charsMap.length > 0 ? new CharsMap(spec.charsMap, file) : undefined;
  const parts = function* (text: string): Generator<string> {
    for (let at = 0; at < text.length;) {
      const symbol = userDefined(text, at);
      const mapped = symbol === undefined ? table?.longest(text, at) : undefined;
      const source = symbol ?? mapped?.source ?? characterAt(text, at);
      yield mapped?.target ?? source;
      at += source.length;
    }
  };
  return (text) => join(spec, parts(text));
}

/** Joins normalized parts: dummy prefix, runs of spaces, escapes. */
function join(spec: NormalizerSpec, parts: Iterable<string>): string {
  const { removeExtraWhitespaces: trim, addDummyPrefix, escapeWhitespaces } = spec;
  let text = "";
  let any = false;
  let afterSpace = trim;
  for (const raw of parts) {
    if (trim && !any && raw === " ") continue;
    any = true;
    const part = afterSpace ? raw.replace(/^ +/, "") : raw;
    text += part;
    if (part !== "") afterSpace = trim && part.endsWith(" ");
  }
  if (!any) return "";
  const space = escapeWhitespaces ? SPACE : " ";
  const escaped = (addDummyPrefix ? " " : "") + text;
  const spaced = escapeWhitespaces ? escaped.replaceAll(" ", SPACE) : escaped;
  return trim ? withoutTrailing(spaced, space) : spaced;
}

function withoutTrailing(text: string, space: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === space) end--;
  return text.slice(0, end);
}

/**
 * The table `precompiled_charsmap`: u32 length of a double-array trie, the trie (Darts-clone's 32-bit units), then the
 * replacements, each ended by a zero byte; a key's value is the offset of its replacement.
 */
class CharsMap {
  readonly #units: Uint32Array;
  readonly #targets: Uint8Array;

  constructor(bytes: Uint8Array, file: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const length = bytes.length >= 4 ? view.getUint32(0, true) : 0;
    if (length === 0 || length % 4 !== 0 || length > bytes.length - 4 || bytes.at(-1) !== 0) {
      const field = "field normalizer_spec.precompiled_charsmap";
      throw new RocError("TOKENIZER_INVALID", `${file}: ${field}: its table is broken; download the file again`);
    }
    this.#units = Uint32Array.from({ length: length / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#targets = bytes.subarray(4 + length);
  }

  /** The longest key at `at`, and what replaces it. */
  longest(text: string, at: number): { source: string; target: string } | undefined {
    let found: { source: string; target: string } | undefined;
    let node = offsetOf(this.#units[0] ?? 0);
    for (let end = at; end < text.length;) {
      const character = characterAt(text, end);
      end += character.length;
      for (const byte of UTF8.encode(character)) {
        node ^= byte;
        const unit = this.#units[node];
        // The label's top bit is set in units that are not children.
        if (unit === undefined || (unit & 0x800000ff) !== byte) return found;
        node ^= offsetOf(unit);
        const value = (unit & 0x100) !== 0 ? this.#units[node] : undefined;
        if (value !== undefined) found = { source: text.slice(at, end), target: this.#target(value & 0x7fffffff) };
      }
    }
    return found;
  }

  #target(start: number): string {
    return LOSSY.decode(this.#targets.subarray(start, this.#targets.indexOf(0, start)));
  }
}

const UTF8 = new TextEncoder();
const LOSSY = new TextDecoder("utf-8", { ignoreBOM: true });

/** Distance from a trie's node to its children, in units. */
function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
