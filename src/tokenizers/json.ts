/** A tokenizer read from a Hugging Face folder (tokenizer.json and the files around it). */
import { RocError } from "../errors.js";
import { BaseTokenizer } from "./base.js";
import { makeDecoder } from "./decoder.js";
import { readTokenizerFiles, type AddedToken, type TokenizerFiles } from "./files.js";
import { buildParts, type Parts } from "./library.js";
import { makeMetaspace, type WordSplit } from "./metaspace.js";
import { saveTokenizerFiles } from "./save.js";
import { loadSentencePiece } from "./sentencepiece.js";
import { Splitter } from "./splitter.js";
import { readTemplate, type Template } from "./template.js";
import type { Tokenizer } from "./types.js";

/**
 * Reads a tokenizer folder; one with only a SentencePiece model: see {@link loadSentencePiece}. Else the ids are those
 * of Python's `tokenizers` for its tokenizer.json (`legacy`, `add_bos_token` and `clean_up_tokenization_spaces` of
 * tokenizer_config.json are ignored, as transformers 5 ignores them for a BPE).
 *
 * @throws RocError FILE_NOT_FOUND, FILE_UNREADABLE, TOKENIZER_INVALID (naming file and field)
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  return (await loadSentencePiece(folder)) ?? new JsonTokenizer(await readTokenizerFiles(folder));
}

class JsonTokenizer extends BaseTokenizer {
  readonly #parts: Parts;
  readonly #words: WordSplit;
  readonly #decodePieces: (pieces: readonly string[]) => string;
  readonly #template: Template;
  #raw = new Splitter(new Map());
  #normalized = new Splitter(new Map());

  constructor(files: TokenizerFiles) {
    const { json, file } = files;
    const vocab = new Map(Object.entries(json.model.vocab));
    super(files, vocab, piecesById(vocab, file));
    const parts = buildParts(json, file);
    this.#parts = parts;
    this.#words =
      makeMetaspace(json.pre_tokenizer, file) ?? ((text) => parts.pre_tokenizer?.pre_tokenize(text) ?? [text]);
    this.#decodePieces = makeDecoder(json.decoder, file);
    this.#template = readTemplate(json.post_processor, file);
    this.buildSplitters();
  }

  encode(text: string, { addSpecialTokens = true }: { addSpecialTokens?: boolean } = {}): number[] {
    const ids = this.#raw.split(text).flatMap((part) => (part.token ? [part.token.id] : this.#encodePart(part)));
    return addSpecialTokens ? [...this.#template.before, ...ids, ...this.#template.after] : ids;
  }

  /** Ids of a stretch that holds no added token but perhaps one that matches normalized text. */
  #encodePart(part: { text: string; start: number }): number[] {
    const text = this.#parts.normalizer?.normalize(part.text) ?? part.text;
    return this.#normalized.split(text).flatMap((inner) => {
      if (inner.token) return [inner.token.id];
      return this.#words(inner.text, part.start + inner.start === 0).flatMap((word) => this.#encodeWord(word));
    });
  }

  #encodeWord(word: string): number[] {
    const { unk_token: unknown, fuse_unk: fuse, byte_fallback: bytes } = this.files.json.model;
    // What nothing stands for is left out before the merges, so that its neighbours may merge.
    const known = unknown || bytes ? word : [...word].filter((character) => this.vocab.has(character)).join("");
    if (known === "") return [];
    const pieces = this.#parts.model.encode([known]);
    const kept = fuse ? pieces.filter((piece, i) => piece !== unknown || pieces[i - 1] !== unknown) : pieces;
    return kept.map((piece) => this.vocab.get(piece)).filter((id) => id !== undefined);
  }

  /**
   * As Python, but for one thing: for an added token with `normalized: true` tokenizers 0.23 gives the normalized text
   * ("▁<pad>") and does not skip it as special; here it is its own text and is skipped.
   */
  decode(ids: readonly number[], { skipSpecialTokens = false }: { skipSpecialTokens?: boolean } = {}): string {
    const pieces: string[] = [];
    for (const id of ids) {
      const added = this.added.at(id);
      const piece = added?.content ?? this.pieces[id];
      if (piece !== undefined && !(skipSpecialTokens && added?.special)) pieces.push(piece);
    }
    return this.#decodePieces(pieces);
  }

  save(folder: string): Promise<void> {
    return saveTokenizerFiles(folder, this.files, this.added.list());
  }

  protected override buildSplitters(): void {
    const raw = new Map<string, AddedToken>();
    const normalized = new Map<string, AddedToken>();
    for (const token of this.added.list()) {
      if (token.normalized) normalized.set(this.#parts.normalizer?.normalize(token.content) ?? token.content, token);
      else raw.set(token.content, token);
    }
    this.#raw = new Splitter(raw);
    this.#normalized = new Splitter(normalized);
  }
}

/** Pieces in order of their ids, which must be 0, 1, 2, ... as Python counts new ids from the number of pieces. */
function piecesById(vocab: ReadonlyMap<string, number>, file: string): string[] {
  const pieces = [...vocab.keys()];
  for (const [piece, id] of vocab) pieces[id] = piece;
  if (new Set(vocab.values()).size === vocab.size && pieces.length === vocab.size) return pieces;
  throw new RocError(
    "TOKENIZER_INVALID",
    `${file}: model.vocab: ids must be 0 to ${vocab.size - 1}, each once; correct it`,
  );
}
