/** Encoding and decoding with a SentencePiece model (the SentencePieceProcessor of the SentencePiece project). */
import { mergePairs } from "./bpe.js";
import { PIECE_TYPES, type SentencePieceModel } from "./model.js";
import { makeNormalizer, prefixMatcher, SPACE } from "./normalizer.js";
import { makeUnigram } from "./unigram.js";

const MERGEABLE: readonly number[] = [PIECE_TYPES.normal, PIECE_TYPES.userDefined, PIECE_TYPES.unused];

export class SentencePieceCodec {
  /** Ids by piece. */
  readonly vocab: ReadonlyMap<string, number>;
  readonly #model: SentencePieceModel;
  readonly #split: (text: string) => string[];
  readonly #normalize: (text: string) => string;

  /** @throws RocError TOKENIZER_INVALID for a broken table of replacements */
  constructor(model: SentencePieceModel) {
    const { pieces, kind, file } = model;
    const texts = (types: readonly number[]) => pieces.filter((p) => types.includes(p.type)).map((p) => p.text);
    const vocab = new Map(pieces.map(({ text }, id) => [text, id]));
    const mergeable = new Map(texts(MERGEABLE).map((text) => [text, vocab.get(text) ?? 0]));
    const userDefined = prefixMatcher(texts([PIECE_TYPES.userDefined]));
    const score = (id: number): number => pieces[id]?.score ?? 0;
    const isUnused = (id: number): boolean => pieces[id]?.type === PIECE_TYPES.unused;
    this.vocab = vocab;
    this.#model = model;
    this.#normalize = makeNormalizer(model.normalizer, userDefined, file);
    this.#split =
      kind === "unigram"
        ? makeUnigram(pieces, mergeable)
        : (text) => mergePairs(text, { mergeable, score, isUnused, userDefined });
  }

  /** Ids of a text; never those of control pieces. */
  encode(text: string): number[] {
    const { unknownId, byteFallback } = this.#model;
    const ids: number[] = [];
    let afterUnknown = false;
    for (const piece of this.#split(this.#normalize(text))) {
      const id = this.vocab.get(piece) ?? unknownId;
      const isUnknown = id === unknownId;
      if (isUnknown && byteFallback) ids.push(...this.#bytesOf(piece));
      else if (!isUnknown || !afterUnknown) ids.push(id);
      afterUnknown = isUnknown;
    }
    return ids;
  }

  /** Text of ids; control pieces and unknown ids yield no text. */
  decode(ids: readonly number[]): string {
    let text = "";
    let run: number[] = [];
    let atStart = true;
    for (const id of ids) {
      const piece = this.#model.pieces[id];
      if (!piece) continue;
      if (piece.type === PIECE_TYPES.byte) {
        run.push(parseInt(piece.text.slice(3, 5), 16));
        continue;
      }
      text += utf8(run);
      run = [];
      if (text !== "") atStart = false;
      const surface = this.#surface(id, atStart);
      atStart &&= !surface.dropped;
      text += surface.text;
    }
    return text + utf8(run);
  }

  /** Text of a piece; `dropped`: the space of the dummy prefix was removed. */
  #surface(id: number, atStart: boolean): { text: string; dropped: boolean } {
    const { pieces, normalizer, unknownSurface } = this.#model;
    const { text = "", type } = pieces[id] ?? {};
    if (type === PIECE_TYPES.control) return { text: "", dropped: false };
    if (type === PIECE_TYPES.unknown) return { text: unknownSurface, dropped: false };
    const { addDummyPrefix, removeExtraWhitespaces } = normalizer;
    const drop = atStart && (addDummyPrefix || removeExtraWhitespaces) && text.startsWith(SPACE);
    const rest = drop ? text.slice(SPACE.length) : text;
    return { text: rest.replaceAll(SPACE, " "), dropped: drop && !removeExtraWhitespaces };
  }

  #bytesOf(piece: string): number[] {
    const names = Array.from(ENCODER.encode(piece), (b) => `<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
    return names.map((name) => this.vocab.get(name) ?? this.#model.unknownId);
  }
}

const ENCODER = new TextEncoder();
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text of bytes; every byte that is not part of a character becomes U+FFFD. */
function utf8(bytes: readonly number[]): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const character = strict(bytes.slice(at, at + length));
    text += character ?? "\ufffd";
    at += character === undefined ? 1 : length;
  }
  return text;
}

function strict(bytes: readonly number[]): string | undefined {
  try {
    return STRICT.decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}
